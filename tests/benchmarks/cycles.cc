#include "tests/benchmarks/cycles.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "amqp/methods/channel.h"
#include "amqp/methods/connection.h"
#include "amqp/methods/queue.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/process_usage.h"
#include "tests/benchmarks/rpc.h"

namespace lepus::benchmarks {

namespace {

constexpr std::uint16_t channel = 1;

/// Does one thing; false if there is nothing left to do.
using Step = std::function<Result<bool>()>;

/// The steps of one client, one for each phase.
using Steps = std::vector<Step>;

Result<bool> done(const Result<void>& result) {
  return result ? Result<bool>{true} : Result<bool>{result.error()};
}

template <typename T>
Result<bool> done(const Result<T>& result) {
  return result ? Result<bool>{true} : Result<bool>{result.error()};
}

Result<bool> connect_and_close(const Target& target) {
  auto client = Client::connect(target);
  if (!client) {
    return client.error();
  }
  if (auto opened = client->open_channel(channel); !opened) {
    return opened.error();
  }
  return done(client->call<amqp::ConnectionCloseOk>(0, amqp::ConnectionClose{.reply_code = 200}));
}

Result<bool> open_and_close(Client& client) {
  if (auto opened = client.open_channel(channel); !opened) {
    return opened.error();
  }
  return done(client.call<amqp::ChannelCloseOk>(channel, amqp::ChannelClose{.reply_code = 200}));
}

/// Queues that one client declares, and deletes in the order in which it did.
struct OwnQueues {
  Client client;
  std::string prefix;
  bool durable = false;
  std::uint64_t declared = 0;
  std::uint64_t deleted = 0;

  Result<bool> declare() {
    const std::string name = prefix + std::to_string(declared++);
    return done(client.call<amqp::QueueDeclareOk>(
        channel, amqp::QueueDeclare{.queue = name, .durable = durable}));
  }

  Result<bool> remove() {
    if (deleted == declared) {
      return false;
    }
    const std::string name = prefix + std::to_string(deleted++);
    return done(client.call<amqp::QueueDeleteOk>(channel, amqp::QueueDelete{.queue = name}));
  }
};

Result<Client> connect_with_channel(const Target& target) {
  auto client = Client::connect(target);
  if (client) {
    if (auto opened = client->open_channel(channel); !opened) {
      return opened.error();
    }
  }
  return client;
}

Result<Steps> make_steps(const CycleOptions& options, std::size_t index) {
  if (options.kind == "connections") {
    return Steps{[target = options.target] { return connect_and_close(target); }};
  }
  if (options.kind == "rpc") {
    auto pair = RpcPair::connect(options.target, index, options.size_bytes);
    if (!pair) {
      return pair.error();
    }
    return Steps{
        [rpc = std::shared_ptr<RpcPair>(std::move(*pair))] { return done(rpc->round_trip()); }};
  }
  auto client = options.kind == "channels" ? Client::connect(options.target)
                                           : connect_with_channel(options.target);
  if (!client) {
    return client.error();
  }
  if (options.kind == "channels") {
    return Steps{
        [own = std::make_shared<Client>(std::move(*client))] { return open_and_close(*own); }};
  }
  if (options.kind == "queues") {
    auto own =
        std::make_shared<OwnQueues>(OwnQueues{.client = std::move(*client),
                                              .prefix = fmt::format("perf-{}-{}-", getpid(), index),
                                              .durable = options.durable});
    return Steps{[own] { return own->declare(); }, [own] { return own->remove(); }};
  }
  return fail(fmt::format("there is no cycle '{}'", options.kind));
}

std::vector<std::string> phase_names(const std::string& kind) {
  return kind == "queues" ? std::vector<std::string>{"declared", "deleted"}
                          : std::vector<std::string>{kind};
}

/// All clients take their step again and again until the time is over, or nothing is left.
class PhaseRun {
 public:
  explicit PhaseRun(double duration_s) : duration_ns_(to_ns(duration_s)) {}

  Result<CyclePhase> run(std::vector<Steps>& clients, std::size_t phase, int broker_pid) {
    const std::int64_t cpu_ns = read_usage(broker_pid).cpu_ns;
    const std::int64_t start_ns = now_ns();
    std::vector<std::thread> threads;
    threads.reserve(clients.size());
    for (Steps& steps : clients) {
      threads.emplace_back([this, &step = steps[phase], start_ns] { repeat(step, start_ns); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    result_.seconds = to_s(now_ns() - start_ns);
    result_.broker_cpu_ns = read_usage(broker_pid).cpu_ns - cpu_ns;
    if (error_) {
      return *error_;
    }
    return std::move(result_);
  }

 private:
  void repeat(const Step& step, std::int64_t start_ns) {
    Histogram latency;
    std::int64_t before_ns = now_ns();
    std::optional<Error> error;
    while (before_ns - start_ns < duration_ns_) {
      const Result<bool> stepped = step();
      if (!stepped) {
        error = stepped.error();
      }
      if (!stepped || !*stepped) {
        break;
      }
      const std::int64_t after_ns = now_ns();
      latency.record(after_ns - before_ns);
      before_ns = after_ns;
    }
    const std::scoped_lock lock{mutex_};
    result_.latency.merge(latency);
    if (error) {
      error_ = std::move(error);
    }
  }

  const std::int64_t duration_ns_;
  std::mutex mutex_;
  CyclePhase result_;
  std::optional<Error> error_;
};

}  // namespace

double CyclePhase::per_second() const {
  return seconds > 0 ? static_cast<double>(latency.count()) / seconds : 0;
}

double CyclePhase::broker_cpu_us() const {
  return latency.count() == 0
             ? 0
             : static_cast<double>(broker_cpu_ns) / 1e3 / static_cast<double>(latency.count());
}

const std::vector<CycleKind>& cycle_kinds() {
  static const std::vector<CycleKind> kinds{
      {"connections", "connect, open a channel, close"},
      {"channels", "open a channel of a connection, close it"},
      {"queues", "declare queues, then delete them"},
      {"rpc", "a request to a server's queue and its reply, a server for each client"},
  };
  return kinds;
}

Result<std::vector<CyclePhase>> measure_cycles(const CycleOptions& options) {
  std::vector<Steps> clients;
  for (std::size_t index = 0; index < options.clients; ++index) {
    auto steps = make_steps(options, index);
    if (!steps) {
      return steps.error();
    }
    clients.push_back(std::move(*steps));
  }
  std::vector<CyclePhase> phases;
  const std::vector<std::string> names = phase_names(options.kind);
  for (std::size_t phase = 0; phase < names.size(); ++phase) {
    auto ran = PhaseRun{options.duration_s}.run(clients, phase, options.broker_pid);
    if (!ran) {
      return ran.error();
    }
    ran->name = names[phase];
    phases.push_back(std::move(*ran));
  }
  return phases;
}

std::string to_text(const std::vector<CyclePhase>& phases) {
  std::string text;
  for (const CyclePhase& phase : phases) {
    const auto microseconds = [&](double share) {
      return static_cast<double>(phase.latency.quantile_ns(share)) / 1e3;
    };
    text += fmt::format(
        "{:<12} {:>9.0f}/s   broker CPU {:>8.1f} µs each   p50 {:>8.0f}   p99 {:>8.0f}   p99.9 "
        "{:>8.0f} µs\n",
        phase.name, phase.per_second(), phase.broker_cpu_us(), microseconds(0.5),
        microseconds(0.99), microseconds(0.999));
  }
  return text;
}

nlohmann::json to_json(const std::vector<CyclePhase>& phases) {
  nlohmann::json object;
  for (const CyclePhase& phase : phases) {
    object[phase.name] = {{"count", phase.latency.count()},
                          {"per_second", phase.per_second()},
                          {"broker_cpu_us", phase.broker_cpu_us()},
                          {"p50_us", static_cast<double>(phase.latency.quantile_ns(0.5)) / 1e3},
                          {"p99_us", static_cast<double>(phase.latency.quantile_ns(0.99)) / 1e3}};
  }
  return object;
}

}  // namespace lepus::benchmarks
