#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "amqp/methods/exchange.h"
#include "broker/model/names.h"
#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Row = std::shared_ptr<const model::Exchange>;
using Rows = std::vector<Row>;

json exchange_json(const Context& context, const model::Exchange& exchange) {
  json object{{"name", exchange.name()},
              {"vhost", exchange.vhost()},
              {"type", model::name_of(exchange.type())},
              {"durable", exchange.is_durable()},
              {"auto_delete", exchange.is_auto_delete()},
              {"internal", exchange.is_internal()},
              {"arguments", to_json(exchange.arguments())},
              {"user_who_performed_action", exchange.record().user}};
  if (const auto* delay_queue = exchange.delay_queue()) {
    object["messages_delayed"] = (*delay_queue)->delayed_count.load(std::memory_order_relaxed);
  }
  if (const auto policy = context.broker.topology().policy_of(exchange)) {
    object["policy"] = policy->name();
  }
  return object;
}

Response list_rows(const Context& context, const Rows& rows) {
  return list_response(context,
                       list_of(
                           rows, [](const Row& row) { return std::string_view{row->vhost()}; },
                           [](const Row& row) { return std::string_view{row->name()}; },
                           [&](const Row& row) { return exchange_json(context, *row); }));
}

}  // namespace

Response list_exchanges(const Context& context) {
  Rows rows;
  const model::Topology& topology = context.broker.topology();
  for (const std::string& vhost : visible_vhosts(topology, context.user)) {
    auto more = topology.list_exchanges(vhost);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return list_rows(context, rows);
}

Response list_vhost_exchanges(const Context& context) {
  const Rows rows = context.broker.topology().list_exchanges(context.path("vhost"));
  return list_rows(context, rows);
}

Response get_exchange(const Context& context) {
  const auto exchange =
      context.broker.topology().find_exchange(context.path("vhost"), context.exchange());
  if (!exchange) {
    return object_not_found();
  }
  json object = exchange_json(context, *exchange);
  if (!context.stats_disabled()) {
    object["incoming"] = json::array();
    object["outgoing"] = json::array();
  }
  return object_response(context, std::move(object));
}

Task<Response> put_exchange(const Context& context) {
  BodyReader body{context.request.body};
  const std::string type = body.text("type", "direct");
  const bool durable = body.boolean("durable", false);
  const bool auto_delete = body.boolean("auto_delete", false);
  const bool internal = body.boolean("internal", false);
  const std::string arguments = body.arguments("arguments").encode();
  constexpr std::size_t type_max_bytes = 255;
  if (type.size() > type_max_bytes) {
    body.fail("unknown exchange type");
  }
  if (body.error()) {
    co_return *body.error();
  }
  const std::string vhost = context.path("vhost");
  const std::string name = context.exchange();
  const bool existed = context.broker.topology().find_exchange(vhost, name) != nullptr;
  const auto opened = co_await context.broker.open_client(context.user.name, vhost);
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const amqp::ExchangeDeclare declare{.exchange = name,
                                      .type = type,
                                      .durable = durable,
                                      .auto_delete = auto_delete,
                                      .internal = internal,
                                      .arguments = {arguments}};
  const auto answer = co_await client.execute(declare);
  if (answer.error) {
    co_return declare_error(*answer.error);
  }
  co_return existed ? no_content() : created();
}

Task<Response> delete_exchange(const Context& context) {
  const std::string vhost = context.path("vhost");
  const std::string name = context.exchange();
  if (!context.broker.topology().find_exchange(vhost, name)) {
    co_return object_not_found();
  }
  const auto opened = co_await context.broker.open_client(context.user.name, vhost);
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const amqp::ExchangeDelete method{.exchange = name,
                                    .if_unused = context.query_is_true("if-unused")};
  const auto answer = co_await client.execute(method);
  co_return answer.error ? declare_error(*answer.error) : no_content();
}

Task<Response> publish(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"routing_key", "properties", "payload", "payload_encoding"});
  const std::string routing_key = body.text("routing_key");
  const std::string encoding = body.text("payload_encoding");
  if (body.error()) {
    co_return *body.error();
  }
  const json& object = body.object();
  if (!object["payload"].is_string()) {
    co_return bad_request("payload_not_string");
  }
  std::string payload = object["payload"].get<std::string>();
  if (encoding == "base64") {
    auto decoded = model::base64_decode(payload);
    if (!decoded) {
      co_return json_error(json::array({"not_base64", payload}));
    }
    payload = *std::move(decoded);
  } else if (encoding != "string") {
    co_return json_error(json::array({"unsupported_encoding", encoding}));
  }
  auto properties = properties_from_json(object["properties"]);
  if (!properties) {
    co_return word_error(properties.error().text);
  }
  constexpr std::size_t routing_key_max_bytes = 255;
  if (routing_key.size() > routing_key_max_bytes) {
    co_return bad_request("routing keys have at most 255 octets");
  }
  const auto opened = co_await context.broker.open_client(context.user.name, context.path("vhost"));
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const std::string exchange = context.exchange();
  const auto answer =
      co_await client.publish(exchange, routing_key, *std::move(properties), std::move(payload));
  if (answer.error) {
    co_return method_error(*answer.error);
  }
  co_return json_response({{"routed", !answer.returned && !answer.refused}});
}

}  // namespace lepus::management::api
