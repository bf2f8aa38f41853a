#include "tests/scenarios/steps.h"

#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "amqp/printer.h"
#include "tests/scenarios/administration.h"
#include "tests/scenarios/fields.h"

namespace lepus::scenarios {

namespace {

std::string show(const Received& received) {
  if (received.is_heartbeat) {
    return "a heartbeat";
  }
  const auto method = amqp::decode_method(received.payload);
  if (!method) {
    return "a method that can't be decoded";
  }
  std::string text = amqp::to_log_line(*method);
  if (amqp::has_content(*method)) {
    const auto properties = amqp::decode_properties(received.property_bytes);
    if (properties && properties->headers) {
      text += " headers=" + amqp::to_log_text(properties->headers->decode());
    }
    text += " body=" + amqp::quoted(received.body);
  }
  return text;
}

/// Why it is not what was expected, or nothing.
std::string mismatch(const Received& received, const WrittenMethod& expected,
                     Variables& variables) {
  if (received.is_heartbeat || expected.name == "heartbeat") {
    return received.is_heartbeat && expected.name == "heartbeat"
               ? ""
               : "expected " + expected.name + ", got " + show(received);
  }
  const auto method = amqp::decode_method(received.payload);
  if (!method || amqp::name_of(*method) != expected.name) {
    return "expected " + expected.name + ", got " + show(received);
  }
  FieldMatcher matcher(expected, variables);
  std::visit([&]<typename M>(const M& held) { M::visit_fields(held, matcher); }, *method);
  if (amqp::has_content(*method)) {
    const auto properties = amqp::decode_properties(received.property_bytes);
    if (!properties) {
      return "undecodable properties";
    }
    amqp::BasicProperties::visit_fields(*properties, matcher);
    matcher("body", std::string_view{received.body});
  }
  if (!matcher.error.empty()) {
    return matcher.error + "; got " + show(received);
  }
  return matcher.used == expected.arguments.size()
             ? std::string{}
             : "a field is named that " + expected.name + " does not have";
}

}  // namespace

StepRunner::StepRunner(std::uint32_t shards, std::uint32_t first_shard)
    : shards_(shards),
      next_shard_(first_shard),
      broker_(std::make_unique<testing::BrokerInTest>(shards, backend_)) {}

std::string StepRunner::run(const Step& step) {
  switch (step.kind) {
    case Step::Kind::client:
      return open_client(step);
    case Step::Kind::cut:
      return clients_.erase(step.client) == 1 ? "" : "there is no client " + step.client;
    case Step::Kind::advance:
      broker_->advance(step.advance_ms);
      return {};
    case Step::Kind::restart:
      restart();
      return {};
    case Step::Kind::administer:
      return administer(*broker_, shards_, step);
    case Step::Kind::frame:
    case Step::Kind::method:
      return run_method(step);
  }
  return {};
}

std::string StepRunner::open_client(const Step& step) {
  clients_.erase(step.client);
  Client& client = clients_[step.client];
  client.connection = std::make_unique<testing::TestClient>(*broker_, next_shard_);
  next_shard_ = (next_shard_ + 1) % shards_;
  client.connection->on_frame = [&client](const amqp::Frame& frame) {
    if (frame.type == amqp::FrameType::method) {
      client.received[frame.channel.value].push_back({.payload = std::string{frame.payload}});
      client.incomplete = &client.received[frame.channel.value].back();
    } else if (frame.type == amqp::FrameType::heartbeat) {
      client.received[frame.channel.value].push_back({.is_heartbeat = true});
    } else if (frame.type == amqp::FrameType::header) {
      const auto header = amqp::decode_content_header(frame.payload);
      client.incomplete->property_bytes = header->property_bytes;
      client.incomplete->body_bytes_missing = header->body_size_bytes;
    } else if (frame.type == amqp::FrameType::body) {
      client.incomplete->body += frame.payload;
      client.incomplete->body_bytes_missing -= frame.payload.size();
    }
  };
  if (!step.bare) {
    return shake_hands(step, client);
  }
  client.connection->send_bytes(amqp::protocol_header);
  client.connection->answer();
  return {};
}

std::string StepRunner::shake_hands(const Step& step, Client& client) {
  amqp::ConnectionTuneOk tune{.channel_max = 2047, .frame_max = 131072, .heartbeat = 0};
  std::string_view user = "guest";
  std::string_view password;
  std::string_view vhost = "/";
  std::string_view capabilities =
      "consumer_cancel_notify connection.blocked authentication_failure_close";
  const WrittenMethod settings{.name = "client", .arguments = step.settings};
  FieldFiller filler(settings, variables_);
  amqp::ConnectionTuneOk::visit_fields(tune, filler);
  filler("user", user);
  filler("password", password);
  filler("vhost", vhost);
  filler("capabilities", capabilities);
  if (filler.used != step.settings.size() || !filler.error.empty()) {
    return filler.error.empty() ? "a client has no such setting" : filler.error;
  }
  testing::TestClient& connection = *client.connection;
  connection.send_bytes(amqp::protocol_header);
  connection.send_start_ok(user, password.empty() ? user : password, capabilities);
  connection.send(0, tune);
  connection.send(0, amqp::ConnectionOpen{.virtual_host = vhost});
  connection.answer();
  for (const char* before : {"connection.start", "connection.tune"}) {
    if (const std::string error = expect(client, 0, {.name = before}); !error.empty()) {
      return step.expected ? std::string{} : error;
    }
  }
  if (step.expected) {
    return expect(client, 0, *step.expected);
  }
  const std::string error = expect(client, 0, {.name = "connection.open-ok"});
  return error.empty() ? open_channel(client, 1) : error;
}

std::string StepRunner::run_method(const Step& step) {
  const auto found = clients_.find(step.client);
  if (found == clients_.end()) {
    return "there is no client " + step.client;
  }
  Client& client = found->second;
  if (step.sent) {
    if (step.sent->name == "channel.open") {
      client.open_channels.insert(step.channel);
    } else if (!step.bare && step.channel != 0 && !client.open_channels.contains(step.channel)) {
      if (std::string error = open_channel(client, step.channel); !error.empty()) {
        return error;
      }
    }
    std::string error =
        step.kind == Step::Kind::frame ? send_frame(client, step) : send(client, step);
    if (!error.empty()) {
      return error;
    }
    if (step.sent->name == "channel.close") {
      client.open_channels.erase(step.channel);
    }
  }
  broker_->run();
  for (auto& [name, each] : clients_) {
    each.connection->answer();
  }
  return step.expected ? expect(client, step.channel, *step.expected) : std::string{};
}

std::string StepRunner::open_channel(Client& client, std::uint16_t channel) {
  client.open_channels.insert(channel);
  client.connection->send(channel, amqp::ChannelOpen{});
  client.connection->answer();
  return expect(client, channel, {.name = "channel.open-ok"});
}

std::string StepRunner::send(Client& client, const Step& step) {
  const WrittenMethod& method = *step.sent;
  const amqp::ChannelNumber channel{step.channel};
  std::string error = "there is no method " + method.name;
  amqp::for_each_method([&]<typename M>(std::type_identity<M>) {
    if (M::name != method.name) {
      return;
    }
    M filled;
    FieldFiller filler(method, variables_);
    M::visit_fields(filled, filler);
    std::string frames;
    if (M::has_content && !step.starts) {
      amqp::BasicProperties properties;
      std::string_view body;
      amqp::BasicProperties::visit_fields(properties, filler);
      filler("body", body);
      if constexpr (M::has_content) {
        amqp::append_content(frames, channel, filled, amqp::encode_properties(properties), body,
                             131072);
      }
    } else {
      amqp::append_method_frame(frames, channel, filled);
    }
    error = filler.error.empty() && filler.used != method.arguments.size()
                ? "a field is named that " + method.name + " does not have"
                : filler.error;
    if (error.empty()) {
      client.connection->send_bytes(frames);
    }
  });
  return error;
}

std::string StepRunner::send_frame(Client& client, const Step& step) {
  FieldFiller filler(*step.sent, variables_);
  auto type = static_cast<std::uint8_t>(amqp::FrameType::header);
  std::string_view text;
  std::string payload;
  if (step.sent->name == "header") {
    amqp::ContentHeader header;
    filler("class-id", header.class_id);
    filler("weight", header.weight);
    filler("body-size", header.body_size_bytes);
    filler("properties", text);
    payload.resize(amqp::content_header_fixed_bytes);
    amqp::store_big_endian(payload.data(), header.class_id);
    amqp::store_big_endian(payload.data() + 2, header.weight);
    amqp::store_big_endian(payload.data() + 4, header.body_size_bytes);
    payload += text.empty() ? amqp::empty_property_bytes : text;
  } else {
    filler("type", type);
    filler("payload", text);
    payload = text;
  }
  auto size_bytes = static_cast<std::uint32_t>(payload.size());
  std::uint8_t end = amqp::frame_end;
  filler("size", size_bytes);
  filler("end", end);
  if (filler.used != step.sent->arguments.size() || !filler.error.empty()) {
    return filler.error.empty() ? "a frame has no such field" : filler.error;
  }
  std::string frame(amqp::frame_header_bytes, '\0');
  amqp::store_big_endian(frame.data(), type);
  amqp::store_big_endian(frame.data() + 1, step.channel);
  amqp::store_big_endian(frame.data() + 3, size_bytes);
  client.connection->send_bytes(frame + payload + static_cast<char>(end));
  return {};
}

std::string StepRunner::expect(Client& client, std::uint16_t channel,
                               const WrittenMethod& expected) {
  if (expected.name.empty()) {
    for (const auto& [number, received] : client.received) {
      if (!received.empty()) {
        return "expected nothing, got " + show(received.front());
      }
    }
    return {};
  }
  if (expected.name == "end" || expected.name == "open") {
    const bool ends = client.connection->connection().socket_wish() != connection::SocketWish::keep;
    return ends == (expected.name == "end") ? "" : ends ? "it has ended" : "it has not ended";
  }
  // What concerns the whole connection comes on channel 0, whichever method brought it about.
  const bool of_connection =
      expected.name.starts_with("connection.") || expected.name == "heartbeat";
  const std::uint16_t number = of_connection ? 0 : channel;
  std::deque<Received>& received = client.received[number];
  if (received.empty()) {
    std::string error = "expected " + expected.name + ", got nothing";
    for (const auto& [other, theirs] : client.received) {
      error += theirs.empty() ? "" : " but, on another channel, " + show(theirs.front());
    }
    return error;
  }
  const Received first = std::move(received.front());
  received.pop_front();
  answer_close(client, number, first);
  return mismatch(first, expected, variables_);
}

void StepRunner::answer_close(Client& client, std::uint16_t channel, const Received& received) {
  if (received.is_heartbeat) {
    return;
  }
  const auto method = amqp::decode_method(received.payload);
  if (!method) {
    return;
  }
  if (std::holds_alternative<amqp::ChannelClose>(*method)) {
    client.open_channels.erase(channel);
    client.connection->send(channel, amqp::ChannelCloseOk{});
  } else if (std::holds_alternative<amqp::ConnectionClose>(*method)) {
    client.connection->send(0, amqp::ConnectionCloseOk{});
  }
  broker_->run();
}

void StepRunner::restart() {
  clients_.clear();
  for (std::uint32_t index = 0; index < shards_; ++index) {
    broker_->shard(index).seal_now();
  }
  broker_->run();
  broker_->store().close(true);
  const std::int64_t now_ms = broker_->clock.now_ms;
  broker_.reset();
  backend_->reopen();
  broker_ = std::make_unique<testing::BrokerInTest>(shards_, backend_, now_ms);
}

std::string StepRunner::leftover() {
  std::string text;
  for (auto& [name, client] : clients_) {
    client.connection->answer();
    for (const auto& [channel, received] : client.received) {
      for (const Received& each : received) {
        text += name + '/' + std::to_string(channel) + " also got " + show(each) + '\n';
      }
    }
  }
  return text;
}

}  // namespace lepus::scenarios
