#include "tests/benchmarks/topology.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "amqp/field_table.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/exchange.h"
#include "amqp/methods/queue.h"

namespace lepus::benchmarks {

namespace {

constexpr std::uint16_t channel = 1;
constexpr std::size_t bind_batch_bytes = 65536;

amqp::FieldValue parse_value(std::string_view text) {
  if (text == "true" || text == "false") {
    return text == "true";
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    return number;
  }
  return text;
}

Result<std::string> encode_queue_arguments(const RunOptions& options) {
  amqp::FieldTable table;
  if (!options.queue_type.empty()) {
    table.set("x-queue-type", options.queue_type);
  }
  for (const std::string& argument : options.queue_arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      return fail(fmt::format("--queue-argument '{}' is not name=value", argument));
    }
    table.set(std::string_view{argument}.substr(0, equals),
              parse_value(std::string_view{argument}.substr(equals + 1)));
  }
  return {boost::system::in_place_value, table.encode()};
}

/// The first word of the binding's keys.
std::string key_word(std::size_t binding) {
  return fmt::format("word-{}", binding);
}

/// Spread over all bindings, so that no two that follow each other are alike.
std::vector<std::string> distinct_keys(const RunOptions& options) {
  std::vector<std::string> keys;
  keys.reserve(options.distinct_keys);
  for (std::size_t index = 0; index < options.distinct_keys; ++index) {
    keys.push_back(
        fmt::format("{}.{}", key_word(index % options.bindings), index / options.bindings));
  }
  return keys;
}

}  // namespace

Result<Topology> Topology::declare(const RunOptions& options) {
  auto client = Client::connect(options.target);
  if (!client) {
    return client.error();
  }
  const std::string prefix =
      options.name_prefix.empty() ? fmt::format("perf-{}", getpid()) : options.name_prefix;
  std::vector<std::string> queues;
  queues.reserve(options.queues);
  for (std::size_t index = 0; index < options.queues; ++index) {
    queues.push_back(fmt::format("{}-{}", prefix, index));
  }
  Topology topology{std::move(*client), options.exchange_kind == "default" ? "" : prefix,
                    std::move(queues)};
  if (auto opened = topology.client_.open_channel(channel); !opened) {
    return opened.error();
  }
  if (auto declared = topology.declare_exchange(options); !declared) {
    return declared.error();
  }
  if (auto declared = topology.declare_queues(options); !declared) {
    return declared.error();
  }
  return topology;
}

Result<void> Topology::declare_exchange(const RunOptions& options) {
  if (exchange_.empty()) {
    return {};
  }
  const std::string arguments =
      options.delays() ? amqp::FieldTable{{"x-delayed-type", options.exchange_kind}}.encode() : "";
  auto declared = client_.call<amqp::ExchangeDeclareOk>(
      channel,
      amqp::ExchangeDeclare{.exchange = exchange_,
                            .type = options.delays() ? "x-delayed-message" : options.exchange_kind,
                            .durable = options.durable,
                            .arguments = {arguments}});
  if (!declared) {
    return declared.error();
  }
  return {};
}

Result<void> Topology::declare_queues(const RunOptions& options) {
  auto arguments = encode_queue_arguments(options);
  if (!arguments) {
    return arguments.error();
  }
  for (const std::string& queue : queues_) {
    auto declared = client_.call<amqp::QueueDeclareOk>(
        channel,
        amqp::QueueDeclare{.queue = queue, .durable = options.durable, .arguments = {*arguments}});
    if (!declared) {
      return declared.error();
    }
    if (exchange_.empty()) {
      continue;
    }
    const std::vector<std::string> own_name{queue};
    for (const std::string& key : options.binding_keys.empty() ? own_name : options.binding_keys) {
      auto bound = client_.call<amqp::QueueBindOk>(
          channel, amqp::QueueBind{.queue = queue, .exchange = exchange_, .routing_key = key});
      if (!bound) {
        return bound.error();
      }
    }
  }
  return bind_many(options);
}

Result<void> Topology::bind_many(const RunOptions& options) {
  const std::string_view rest = options.exchange_kind == "topic" ? ".*" : ".0";
  std::string frames;
  for (std::size_t index = 0; index < options.bindings; ++index) {
    const std::string key = key_word(index).append(rest);
    const bool waits = index + 1 == options.bindings || frames.size() > bind_batch_bytes;
    const amqp::QueueBind bind{
        .queue = queues_.front(), .exchange = exchange_, .routing_key = key, .no_wait = !waits};
    if (!waits) {
      amqp::append_method_frame(frames, amqp::ChannelNumber{channel}, bind);
      continue;
    }
    if (auto sent = client_.send(std::exchange(frames, {})); !sent) {
      return sent;
    }
    if (auto bound = client_.call<amqp::QueueBindOk>(channel, bind); !bound) {
      return bound.error();
    }
  }
  return {};
}

Result<void> Topology::remove() {
  for (const std::string& queue : queues_) {
    auto deleted = client_.call<amqp::QueueDeleteOk>(channel, amqp::QueueDelete{.queue = queue});
    if (!deleted) {
      return deleted.error();
    }
  }
  if (!exchange_.empty()) {
    auto deleted =
        client_.call<amqp::ExchangeDeleteOk>(channel, amqp::ExchangeDelete{.exchange = exchange_});
    if (!deleted) {
      return deleted.error();
    }
  }
  return {};
}

std::vector<std::string> Topology::share(std::size_t index, std::size_t count) const {
  std::vector<std::string> names;
  if (count >= queues_.size()) {
    names.push_back(queues_[index % queues_.size()]);
    return names;
  }
  for (std::size_t queue = index; queue < queues_.size(); queue += count) {
    names.push_back(queues_[queue]);
  }
  return names;
}

std::vector<std::string> Topology::routing_keys_of(std::size_t publisher,
                                                   const RunOptions& options) const {
  if (!options.routing_keys.empty()) {
    return options.routing_keys;
  }
  if (options.exchange_kind == "fanout") {
    return {""};
  }
  if (options.bindings != 0) {
    return distinct_keys(options);
  }
  return share(publisher, options.publishers);
}

std::vector<std::string> Topology::queues_of(std::size_t consumer,
                                             const RunOptions& options) const {
  return share(consumer, options.consumers);
}

std::size_t Topology::copies(const RunOptions& options) {
  if (options.exchange_kind == "fanout") {
    return options.queues;
  }
  // A queue without a consumer keeps its messages only if there are fewer consumers than queues,
  // and then each consumer has several.
  return options.routing_keys.empty() && options.binding_keys.empty() ? 1 : 0;
}

}  // namespace lepus::benchmarks
