#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "amqp/basic_properties.h"
#include "amqp/method_codec.h"
#include "amqp/methods/basic.h"
#include "amqp/methods/queue.h"
#include "amqp/utf8.h"
#include "broker/model/names.h"
#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/body.h"
#include "management/json_values.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

/// The answer is made in memory, so it ends there; who wants more asks again.
constexpr std::size_t answer_bytes_max = std::size_t{128} << 20U;
/// Room that the next message is thought to need.
constexpr std::size_t message_bytes_expected = 4096;
/// So that the messages reach who asked before the request is given up.
constexpr std::int64_t getting_ms_max = 15'000;

struct GetOptions {
  std::int64_t count = 0;  ///< negative: all
  bool acknowledges = false;
  bool rejects = false;
  bool requeues = false;
  bool as_base64 = false;
  std::optional<std::int64_t> truncate_bytes;
};

GetOptions read_options(BodyReader& body) {
  body.require({"ackmode", "count", "encoding"});
  GetOptions options;
  options.count = body.integer("count").value_or(0);
  options.truncate_bytes = body.integer("truncate");
  const std::string ack_mode = body.text("ackmode");
  const std::string encoding = body.text("encoding");
  if (body.error()) {
    return options;
  }
  options.acknowledges = ack_mode.starts_with("ack_");
  options.rejects = ack_mode.starts_with("reject_");
  options.requeues = ack_mode.ends_with("_requeue_true");
  if ((!options.acknowledges && !options.rejects) ||
      (!options.requeues && !ack_mode.ends_with("_requeue_false"))) {
    body.fail(
        "Unsupported ackmode. Please use ack_requeue_true, ack_requeue_false, "
        "reject_requeue_true or reject_requeue_false.");
  }
  options.as_base64 = encoding == "base64";
  if (!options.as_base64 && encoding != "auto") {
    body.fail("Unsupported encoding. Please use auto or base64.");
  }
  return options;
}

json message_json(const model::DirectAnswer& answer, const amqp::BasicGetOk& method,
                  const GetOptions& options) {
  std::string_view payload = answer.body;
  if (options.truncate_bytes && *options.truncate_bytes >= 0) {
    payload = payload.substr(0, static_cast<std::size_t>(*options.truncate_bytes));
  }
  const bool is_text = !options.as_base64 && amqp::is_valid_utf8(payload);
  return {{"payload_bytes", answer.body.size()},
          {"redelivered", method.redelivered},
          {"exchange", method.exchange},
          {"routing_key", method.routing_key},
          {"message_count", method.message_count},
          {"properties", properties_to_json(answer.properties)},
          {"payload", is_text ? std::string{payload} : model::base64_encode(payload)},
          {"payload_encoding", is_text ? "string" : "base64"}};
}

Response get_error(const model::ProtocolError& error) {
  if (error.code == amqp::ReplyCode::not_found) {
    return not_found(amqp::reply_text(error.code, error.text));
  }
  return method_error(error);
}

bool is_message(const model::DirectAnswer& answer, amqp::BasicGetOk& method) {
  const std::string_view payload = answer.method;
  return !payload.empty() && amqp::peek_method_key(payload) == amqp::method_key<amqp::BasicGetOk> &&
         amqp::decode_arguments(payload.substr(amqp::method_ids_bytes), method);
}

}  // namespace

Task<Response> get_messages(const Context& context) {
  BodyReader body{context.request.body};
  const GetOptions options = read_options(body);
  if (body.error()) {
    co_return *body.error();
  }
  const auto charge = context.answers.open();
  const std::string queue = context.path("queue");
  const auto opened = co_await context.broker.open_client(context.user.name, context.path("vhost"));
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const std::int64_t deadline_ms = context.broker.clock().steady_ms() + getting_ms_max;
  const bool settles_at_once = options.acknowledges && !options.requeues;
  const amqp::BasicGet get{.queue = queue, .no_ack = settles_at_once};
  std::string messages = "[";
  std::size_t charged_bytes = 0;
  amqp::DeliveryTag last{0};
  for (std::int64_t count = 0; count != options.count; ++count) {
    // Before the message is taken: with an acknowledgement it would be lost.
    const std::size_t needed_bytes = messages.size() + message_bytes_expected;
    if (needed_bytes > charged_bytes && !charge->add(needed_bytes - charged_bytes)) {
      break;
    }
    charged_bytes = std::max(charged_bytes, needed_bytes);
    const model::DirectAnswer answer = co_await client.execute(get);
    if (answer.error) {
      co_return get_error(*answer.error);
    }
    amqp::BasicGetOk method;
    if (!is_message(answer, method)) {
      break;
    }
    last = method.delivery_tag;
    messages += (messages.size() > 1 ? "," : "") + to_text(message_json(answer, method, options));
    if (messages.size() > answer_bytes_max || context.broker.clock().steady_ms() > deadline_ms) {
      break;
    }
  }
  messages += ']';
  if (charged_bytes == 0 && options.count != 0) {
    co_return too_busy();
  }
  if (last.value != 0 && !settles_at_once) {
    const amqp::BasicNack nack{.delivery_tag = last, .multiple = true, .requeue = options.requeues};
    client.execute_unanswered(nack);
    // The queue answers this after it has taken the messages back, so whoever comes next finds
    // them.
    const amqp::QueueDeclare passive{.queue = queue, .passive = true};
    static_cast<void>(co_await client.execute(passive));
  }
  co_return Response{.status = 200, .body = std::move(messages), .charge = charge};
}

Task<Response> test_aliveness(const Context& context) {
  const std::string queue = "aliveness-test";
  const auto opened = co_await context.broker.open_client(context.user.name, context.path("vhost"));
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const amqp::QueueDeclare declare{.queue = queue};
  const auto declared = co_await client.execute(declare);
  if (declared.error) {
    co_return declare_error(*declared.error);
  }
  const std::string properties{amqp::empty_property_bytes};
  const std::string exchange;
  const std::string text = "test_message";
  const auto published = co_await client.publish(exchange, queue, properties, text);
  if (published.error) {
    co_return method_error(*published.error);
  }
  const amqp::BasicGet get{.queue = queue, .no_ack = true};
  const auto got = co_await client.execute(get);
  if (got.error) {
    co_return get_error(*got.error);
  }
  const json alive{{"status", "ok"}};
  const json dead{{"status", "failed"}, {"reason", "the message did not come back"}};
  if (amqp::BasicGetOk method; !is_message(got, method)) {
    Response failed = json_response(dead);
    failed.status = 503;
    co_return failed;
  }
  co_return json_response(alive);
}

}  // namespace lepus::management::api
