#include "tests/benchmarks/idle.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "amqp/frame_writer.h"
#include "amqp/methods/queue.h"
#include "tests/benchmarks/process_usage.h"

namespace lepus::benchmarks {

namespace {

constexpr std::uint16_t channel = 1;
/// Declared without waiting, before one that is waited for.
constexpr std::size_t queues_in_a_row = 100;

void allow_many_sockets() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

double growth_per(const ProcessUsage& before, const ProcessUsage& after, std::size_t count) {
  const auto grown =
      static_cast<double>(after.resident_bytes) - static_cast<double>(before.resident_bytes);
  return count == 0 ? 0 : grown / static_cast<double>(count);
}

void append_queue(std::string& frames, const std::string& name, const IdleOptions& options) {
  const amqp::ChannelNumber number{channel};
  amqp::append_method_frame(
      frames, number,
      amqp::QueueDeclare{.queue = name, .durable = options.durable, .no_wait = true});
  for (std::size_t index = 0; index < options.bindings; ++index) {
    const std::string key = fmt::format("{}-{}", name, index);
    amqp::append_method_frame(
        frames, number,
        amqp::QueueBind{
            .queue = name, .exchange = "amq.direct", .routing_key = key, .no_wait = true});
  }
}

}  // namespace

Result<IdleCrowd> IdleCrowd::gather(const IdleOptions& options) {
  allow_many_sockets();
  IdleCrowd crowd;
  const ProcessUsage start = read_usage(options.broker_pid);
  if (auto connected = crowd.connect(options); !connected) {
    return connected.error();
  }
  const ProcessUsage connected = read_usage(options.broker_pid);
  if (auto declared = crowd.declare(options); !declared) {
    return declared.error();
  }
  crowd.bytes_per_connection_ = growth_per(start, connected, options.connections);
  crowd.bytes_per_queue_ = growth_per(connected, read_usage(options.broker_pid), options.queues);
  return crowd;
}

Result<void> IdleCrowd::connect(const IdleOptions& options) {
  for (std::size_t index = 0; index < options.connections; ++index) {
    auto client = Client::connect(options.target);
    if (!client) {
      return client.error();
    }
    if (auto opened = client->open_channel(channel); !opened) {
      return opened;
    }
    client->forget_input();
    clients_.push_back(std::move(*client));
  }
  return {};
}

Result<void> IdleCrowd::declare(const IdleOptions& options) {
  if (options.queues == 0) {
    return {};
  }
  auto client = Client::connect(options.target);
  if (!client) {
    return client.error();
  }
  if (auto opened = client->open_channel(channel); !opened) {
    return opened;
  }
  const std::string prefix = fmt::format("idle-{}-", getpid());
  for (std::size_t first = 0; first < options.queues; first += queues_in_a_row) {
    const std::size_t end = std::min(first + queues_in_a_row, options.queues);
    std::string frames;
    for (std::size_t index = first; index < end; ++index) {
      append_queue(frames, prefix + std::to_string(index), options);
    }
    if (auto sent = client->send(frames); !sent) {
      return sent;
    }
    // Answered when all before it are there.
    auto last = client->call<amqp::QueueDeclareOk>(
        channel,
        amqp::QueueDeclare{.queue = prefix + std::to_string(end - 1), .durable = options.durable});
    if (!last) {
      return last.error();
    }
  }
  clients_.push_back(std::move(*client));
  return {};
}

}  // namespace lepus::benchmarks
