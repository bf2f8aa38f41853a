#include "tests/scenarios/steps.h"

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "amqp/printer.h"

namespace lepus::scenarios {

namespace {

template <typename T>
constexpr bool is_optional = false;
template <typename T>
constexpr bool is_optional<std::optional<T>> = true;

/// Fills the visited fields with the arguments of their names.
class FieldFiller {
 public:
  FieldFiller(const WrittenMethod& method, const Variables& variables)
      : arguments_(method.arguments), variables_(variables) {}

  template <typename T>
  void operator()(std::string_view name, T& field) {
    for (const Argument& argument : arguments_) {
      if (argument.name == name) {
        ++used;
        fill(argument, field);
      }
    }
  }

  std::size_t used = 0;
  std::string error;

 private:
  template <typename T>
  void fill(const Argument& argument, T& field) {
    if constexpr (is_optional<T>) {
      fill(argument, field.emplace());
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      field = text_of(argument);
    } else if constexpr (std::is_same_v<T, amqp::LongString>) {
      field = {text_of(argument)};
    } else if constexpr (std::is_same_v<T, amqp::FieldTableView>) {
      if (const auto* table = argument.value.get_if<amqp::FieldTable>()) {
        field = {kept_.emplace_back(table->encode())};
      } else {
        error = argument.name + " needs a table";
      }
    } else if constexpr (std::is_same_v<T, amqp::DeliveryTag>) {
      fill(argument, field.value);
    } else if constexpr (std::is_same_v<T, bool>) {
      field = argument.text == "true";
      error = field || argument.text == "false" ? error : argument.name + " is true or false";
    } else {
      const char* end = argument.text.data() + argument.text.size();
      if (std::from_chars(argument.text.data(), end, field).ptr != end) {
        error = argument.name + " needs a number";
      }
    }
  }

  std::string_view text_of(const Argument& argument) {
    if (argument.quoted || !argument.text.starts_with('$')) {
      return argument.text;
    }
    const auto variable = variables_.find(argument.text);
    if (variable == variables_.end()) {
      error = argument.text + " has no value yet";
      return {};
    }
    return variable->second;
  }

  const std::vector<Argument>& arguments_;
  const Variables& variables_;
  std::deque<std::string> kept_;
};

/// Compares the visited fields with the arguments of their names; fields that are not named may be
/// anything.
class FieldMatcher {
 public:
  FieldMatcher(const WrittenMethod& method, Variables& variables)
      : arguments_(method.arguments), variables_(variables) {}

  template <typename T>
  void operator()(std::string_view name, const T& field) {
    for (const Argument& argument : arguments_) {
      if (argument.name == name) {
        ++used;
        compare(argument, field);
      }
    }
  }

  std::size_t used = 0;
  std::string error;

 private:
  template <typename T>
  void compare(const Argument& argument, const T& field) {
    if constexpr (is_optional<T>) {
      const bool absent = !argument.quoted && argument.text == "absent";
      if (absent != !field) {
        error = argument.name + (absent ? " is there" : " is absent");
      } else if (field) {
        compare(argument, *field);
      }
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      compare_text(argument, field);
    } else if constexpr (std::is_same_v<T, amqp::LongString>) {
      compare_text(argument, field.bytes);
    } else if constexpr (std::is_same_v<T, amqp::FieldTableView>) {
      const amqp::FieldTable got = field.decode();
      if (argument.value != amqp::FieldValue{got}) {
        error = argument.name + " is " + amqp::to_log_text(got) + ", expected " +
                amqp::to_log_text(argument.value) + " (of the same types)";
      }
    } else if constexpr (std::is_same_v<T, amqp::DeliveryTag>) {
      compare_text(argument, std::to_string(field.value));
    } else if constexpr (std::is_same_v<T, bool>) {
      compare_text(argument, field ? "true" : "false");
    } else {
      compare_text(argument, std::to_string(field));
    }
  }

  void compare_text(const Argument& argument, std::string_view got) {
    std::string_view expected = argument.text;
    if (!argument.quoted && expected.starts_with('$')) {
      expected = variables_.try_emplace(argument.text, got).first->second;
    } else if (!argument.quoted && expected.ends_with('*') && expected.size() > 1) {
      expected.remove_suffix(1);
      got = got.substr(0, expected.size());
    }
    if (got != expected) {
      error = argument.name + " is " + amqp::quoted(got) + ", expected " + amqp::quoted(expected);
    }
  }

  const std::vector<Argument>& arguments_;
  Variables& variables_;
};

std::string show(const Received& received) {
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
  if (!step.bare) {
    amqp::ConnectionTuneOk tune{.channel_max = 2047, .frame_max = 131072, .heartbeat = 0};
    std::string capabilities =
        "consumer_cancel_notify connection.blocked authentication_failure_close";
    for (const Argument& setting : step.settings) {
      if (setting.name == "capabilities") {
        capabilities = setting.text;
      }
    }
    const WrittenMethod settings{.name = "connection.tune-ok", .arguments = step.settings};
    FieldFiller filler(settings, variables_);
    amqp::ConnectionTuneOk::visit_fields(tune, filler);
    client.connection->open(tune, capabilities);
    client.open_channels.insert(1);
  }
  client.connection->on_frame = [&client](const amqp::Frame& frame) {
    if (frame.type == amqp::FrameType::method) {
      client.received[frame.channel.value].push_back({.payload = std::string{frame.payload}});
      client.incomplete = &client.received[frame.channel.value].back();
    } else if (frame.type == amqp::FrameType::header) {
      const auto header = amqp::decode_content_header(frame.payload);
      client.incomplete->property_bytes = header->property_bytes;
      client.incomplete->body_bytes_missing = header->body_size_bytes;
    } else if (frame.type == amqp::FrameType::body) {
      client.incomplete->body += frame.payload;
      client.incomplete->body_bytes_missing -= frame.payload.size();
    }
  };
  if (step.bare) {
    client.connection->send_bytes(amqp::protocol_header);
    client.connection->answer();
  }
  return {};
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
    if (std::string error = send(client, step.channel, *step.sent); !error.empty()) {
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

std::string StepRunner::send(Client& client, std::uint16_t channel, const WrittenMethod& method) {
  std::string error = "there is no method " + method.name;
  amqp::for_each_method([&]<typename M>(std::type_identity<M>) {
    if (M::name != method.name) {
      return;
    }
    M filled;
    FieldFiller filler(method, variables_);
    M::visit_fields(filled, filler);
    std::string frames;
    if constexpr (M::has_content) {
      amqp::BasicProperties properties;
      std::string_view body;
      amqp::BasicProperties::visit_fields(properties, filler);
      filler("body", body);
      amqp::append_content(frames, amqp::ChannelNumber{channel}, filled,
                           amqp::encode_properties(properties), body, 131072);
    } else {
      amqp::append_method_frame(frames, amqp::ChannelNumber{channel}, filled);
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
  // What concerns the whole connection comes on channel 0, whichever method brought it about.
  const std::uint16_t number = expected.name.starts_with("connection.") ? 0 : channel;
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
