// lepus-perf: measures AMQP 0-9-1 brokers, and what the machine allows them at best.

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/benchmarks/cycles.h"
#include "tests/benchmarks/idle.h"
#include "tests/benchmarks/limit.h"
#include "tests/benchmarks/options.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/run.h"

namespace lepus::benchmarks {

namespace {

struct LimitOptions {
  double duration_s = 3;
  std::size_t read_bytes = 65536;
  std::string folder = ".";
  std::size_t size_bytes = 4096;
  bool preallocate = false;
};

int complain(std::string_view text) {
  fmt::print(stderr, "lepus-perf: {}\n", text);
  return 1;
}

void add_target_options(CLI::App& app, Target& target) {
  app.add_option("--host", target.host, "the broker's host")->capture_default_str();
  app.add_option("--port", target.port, "its AMQP port")->capture_default_str();
  app.add_option("--user", target.user)->capture_default_str();
  app.add_option("--password", target.password)->capture_default_str();
  app.add_option("--vhost", target.virtual_host)->capture_default_str();
}

void add_load_options(CLI::App& app, RunOptions& options) {
  app.add_option("--publishers", options.publishers, "connections that publish");
  app.add_option("--consumers", options.consumers, "connections that consume");
  app.add_option("--queues", options.queues);
  app.add_option("--channels", options.channels, "channels of each connection, used in turn");
  app.add_option("--publisher-threads", options.publisher_threads);
  app.add_option("--consumer-threads", options.consumer_threads);
  app.add_option("--size", options.size_bytes, "octets of a body; from 16 on, latency is measured");
  app.add_option("--rate", options.rate_per_second,
                 "messages/s of all publishers; 0 is as fast as possible. Latency then counts from "
                 "the time at which a message should have been sent");
  app.add_option("--tick-us", options.tick_us, "at a fixed rate, messages leave at such steps");
  app.add_option("--batch-bytes", options.batch_bytes, "octets handed to one send()");
  app.add_option("--duration", options.duration_s, "seconds to publish");
  app.add_option("--messages", options.messages, "messages to publish; without --duration");
  app.add_option("--in-flight", options.in_flight,
                 "messages published and not yet delivered; 0 is no limit");
  app.add_option("--consumer-delay", options.consumer_delay_s,
                 "seconds by which consumers start later");
  app.add_flag("--consume-after-publish,!--consume-at-once", options.consume_after_publish);
  app.add_option("--drain", options.drain_s, "seconds to wait for the rest after publishing");
}

void add_protocol_options(CLI::App& app, RunOptions& options) {
  app.add_option("--prefetch", options.prefetch, "0 is no limit");
  app.add_flag("--auto-ack,!--manual-ack", options.auto_ack);
  app.add_option("--ack-every", options.ack_every, "one ack for so many deliveries");
  app.add_option("--confirm-window", options.confirm_window,
                 "unconfirmed messages per channel; 0 is no confirms");
  app.add_flag("--persistent,!--transient", options.persistent, "delivery mode of messages");
  app.add_flag("--durable,!--not-durable", options.durable, "queues and exchange");
  app.add_option("--queue-type", options.queue_type, "classic, quorum or stream");
  app.add_option("--queue-argument", options.queue_arguments, "name=value, repeatable");
  app.add_option("--name-prefix", options.name_prefix, "of queues and exchange; else the process");
  app.add_flag("--keep", options.keep, "leave queues and exchange for a later run");
  app.add_option("--exchange", options.exchange_kind, "default, direct, fanout, topic or headers");
  app.add_option("--routing-key", options.routing_keys,
                 "repeatable, used in turn; else the queues' names");
  app.add_option("--binding-key", options.binding_keys,
                 "repeatable, for every queue; else its name");
  app.add_option("--delay-min", options.delay_min_ms, "ms; see --delay-max");
  app.add_option("--delay-max", options.delay_max_ms,
                 "the exchange delays messages by up to so many ms; 0 is no delay");
  app.add_option("--bindings", options.bindings,
                 "of the first queue, to a direct or topic exchange");
  app.add_option("--distinct-keys", options.distinct_keys, "to publish with; see --bindings");
  app.add_flag("--mandatory", options.mandatory);
}

CLI::App& add_run(CLI::App& app, RunOptions& options) {
  CLI::App& run = *app.add_subcommand("run", "publish, consume and measure");
  run.add_option("--scenario", options.scenario,
                 "presets (see `lepus-perf scenarios`); other options come over them");
  add_target_options(run, options.target);
  add_load_options(run, options);
  add_protocol_options(run, options);
  run.add_option("--broker-pid", options.broker_pid, "to measure its CPU time and memory");
  run.add_option("--json", options.json_file, "write the result to this file as well");
  run.add_flag("--quiet", options.quiet, "no line per second");
  return run;
}

CLI::App& add_cycles(CLI::App& app, CycleOptions& options, std::string& json_file) {
  CLI::App& cycles = *app.add_subcommand("cycles", "do one thing over and over, waiting each time");
  std::string kinds = "of:";
  for (const CycleKind& kind : cycle_kinds()) {
    kinds += fmt::format("\n{} ({})", kind.name, kind.description);
  }
  cycles.add_option("kind", options.kind, kinds)->required();
  add_target_options(cycles, options.target);
  cycles.add_option("--clients", options.clients, "that do it side by side")->capture_default_str();
  cycles.add_option("--duration", options.duration_s, "seconds")->capture_default_str();
  cycles.add_option("--size", options.size_bytes, "octets of a request")->capture_default_str();
  cycles.add_flag("--durable", options.durable, "queues");
  cycles.add_option("--broker-pid", options.broker_pid, "to measure its CPU time");
  cycles.add_option("--json", json_file, "write the result to this file as well");
  return cycles;
}

CLI::App& add_idle(CLI::App& app, IdleOptions& options, bool& hold) {
  CLI::App& idle = *app.add_subcommand("idle", "what connections and queues cost that do nothing");
  add_target_options(idle, options.target);
  idle.add_option("--connections", options.connections, "with a channel each");
  idle.add_option("--queues", options.queues);
  idle.add_option("--bindings", options.bindings, "of each queue");
  idle.add_flag("--durable", options.durable, "queues");
  idle.add_option("--broker-pid", options.broker_pid, "to measure its memory");
  idle.add_flag("--hold", hold, "stay until the standard input ends");
  return idle;
}

/// The scenario must be known before the other options are parsed, since these change it.
std::string find_scenario(int argc, char** argv) {
  constexpr std::string_view name = "--scenario";
  for (int index = 1; index < argc; ++index) {
    const std::string_view argument = argv[index];
    if (argument == name && index + 1 < argc) {
      return argv[index + 1];
    }
    if (argument.starts_with(name) && argument.size() > name.size() &&
        argument[name.size()] == '=') {
      return std::string{argument.substr(name.size() + 1)};
    }
  }
  return {};
}

/// Nothing for an empty name.
int write_json(const std::string& name, const nlohmann::json& json) {
  if (name.empty()) {
    return 0;
  }
  std::ofstream file{name};
  file << json.dump(2) << '\n';
  return file.flush() ? 0 : complain(fmt::format("{} can't be written", name));
}

int execute_run(const RunOptions& options) {
  auto result = run(options);
  if (!result) {
    return complain(result.error().text);
  }
  fmt::print("{}", to_text(options, *result));
  if (const int status = write_json(options.json_file, to_json(options, *result)); status != 0) {
    return status;
  }
  return result->missing() == 0 ? 0 : 3;
}

int execute_relay(const LimitOptions& options) {
  auto result = measure_relay(options.read_bytes, options.duration_s);
  if (!result) {
    return complain(result.error().text);
  }
  const double ns_per_byte =
      static_cast<double>(result->cpu_ns) / static_cast<double>(result->bytes);
  fmt::print("relay, reads of {} B: {:.0f} MB/s, {:.3f} CPU µs/KiB\n", options.read_bytes,
             static_cast<double>(result->bytes) / 1e6 / result->seconds, ns_per_byte * 1024 / 1e3);
  // The wire adds about 64 octets to a body: three frames, an exchange and a routing key.
  for (const std::size_t body_bytes : {16, 1024, 65536}) {
    fmt::print("  {:>6} B message: {:.3f} CPU µs\n", body_bytes,
               ns_per_byte * static_cast<double>(body_bytes + 64) / 1e3);
  }
  return 0;
}

int execute_generator(const LimitOptions& options) {
  for (const std::size_t size_bytes : {16, 1024, 65536}) {
    auto result = measure_generator(size_bytes, options.duration_s);
    if (!result) {
      return complain(result.error().text);
    }
    const auto microseconds = [](std::int64_t cpu_ns, std::uint64_t count) {
      return static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(count);
    };
    fmt::print("{:>6} B message: {:.3f} CPU µs to publish, {:.3f} to consume\n", size_bytes,
               microseconds(result->publish_cpu_ns, result->published),
               microseconds(result->deliver_cpu_ns, result->delivered));
  }
  return 0;
}

int execute_fsync(const LimitOptions& options) {
  auto result =
      measure_fsync(options.folder, options.size_bytes, options.preallocate, options.duration_s);
  if (!result) {
    return complain(result.error().text);
  }
  const Histogram& latency = result->latency;
  const auto microseconds = [](std::int64_t ns) { return static_cast<double>(ns) / 1e3; };
  fmt::print("{} B + fdatasync{}: {:.0f}/s, {:.1f} CPU µs each\n", options.size_bytes,
             options.preallocate ? " in a preallocated file" : "",
             static_cast<double>(latency.count()) / result->seconds,
             microseconds(result->cpu_ns) / static_cast<double>(latency.count()));
  fmt::print("  p50 {:.0f}   p99 {:.0f}   p99.9 {:.0f}   max {:.0f} µs\n",
             microseconds(latency.quantile_ns(0.5)), microseconds(latency.quantile_ns(0.99)),
             microseconds(latency.quantile_ns(0.999)), microseconds(latency.max_ns()));
  return 0;
}

int execute_ping_pong(const LimitOptions& options) {
  auto result = measure_ping_pong(options.size_bytes, options.duration_s);
  if (!result) {
    return complain(result.error().text);
  }
  fmt::print("ping-pong of {} B through a relay: {:.0f}/s\n", options.size_bytes,
             static_cast<double>(result->round_trips) / result->seconds);
  return 0;
}

int execute_cycles(const CycleOptions& options, const std::string& json_file) {
  auto phases = measure_cycles(options);
  if (!phases) {
    return complain(phases.error().text);
  }
  fmt::print("{}", to_text(*phases));
  return write_json(json_file, to_json(*phases));
}

int execute_idle(const IdleOptions& options, bool hold) {
  auto crowd = IdleCrowd::gather(options);
  if (!crowd) {
    return complain(crowd.error().text);
  }
  fmt::print("ready: {:.0f} B per connection, {:.0f} B per queue\n", crowd->bytes_per_connection(),
             crowd->bytes_per_queue());
  std::fflush(stdout);
  while (hold && std::getchar() != EOF) {
  }
  return 0;
}

int execute_scenarios() {
  for (const Scenario& scenario : scenarios()) {
    fmt::print("{:<22} {}\n", scenario.name, scenario.description);
  }
  return 0;
}

int execute_table(const std::vector<std::string>& files) {
  auto table = to_table(files);
  if (!table) {
    return complain(table.error().text);
  }
  fmt::print("{}", *table);
  return 0;
}

int execute(int argc, char** argv) {
  RunOptions run_options;
  CycleOptions cycle_options;
  std::string cycle_json;
  IdleOptions idle_options;
  bool hold = false;
  LimitOptions limit_options;
  std::vector<std::string> files;
  if (const std::string name = find_scenario(argc, argv); !name.empty()) {
    if (auto applied = apply_scenario(name, run_options); !applied) {
      return complain(applied.error().text);
    }
  }
  CLI::App app{
      "Measures AMQP 0-9-1 brokers: messages/s, latency, and the broker's CPU time per message.\n"
      "Exit status: 0 all arrived, 3 messages are missing, else an error."};
  app.require_subcommand(1);
  CLI::App& run = add_run(app, run_options);
  const CLI::App& cycles = add_cycles(app, cycle_options, cycle_json);
  const CLI::App& idle = add_idle(app, idle_options, hold);
  const CLI::App& list = *app.add_subcommand("scenarios", "list the presets of run");
  CLI::App& table = *app.add_subcommand("table", "a Markdown table from results in JSON");
  table.add_option("files", files, "files that run --json wrote")->required();
  CLI::App& limit = *app.add_subcommand("limit", "what the machine allows at best");
  limit.require_subcommand(1);
  CLI::App& relay = *limit.add_subcommand("relay", "move octets between two loopback sockets");
  relay.add_option("--read-bytes", limit_options.read_bytes)->capture_default_str();
  relay.add_option("--duration", limit_options.duration_s)->capture_default_str();
  CLI::App& generator = *limit.add_subcommand("generator", "the cost of this program itself");
  generator.add_option("--duration", limit_options.duration_s)->capture_default_str();
  CLI::App& ping_pong = *limit.add_subcommand("ping-pong", "round trips by way of a relay");
  ping_pong.add_option("--size", limit_options.size_bytes)->capture_default_str();
  ping_pong.add_option("--duration", limit_options.duration_s)->capture_default_str();
  CLI::App& fsync = *limit.add_subcommand("fsync", "append to a file and wait for the disk");
  fsync.add_option("--directory", limit_options.folder)->capture_default_str();
  fsync.add_option("--size", limit_options.size_bytes)->capture_default_str();
  fsync.add_option("--duration", limit_options.duration_s)->capture_default_str();
  fsync.add_flag("--preallocate", limit_options.preallocate, "write into a file that has its size");
  CLI11_PARSE(app, argc, argv);
  if (run.parsed()) {
    if (run_options.messages != 0 && run.count("--duration") == 0) {
      run_options.duration_s = 0;
    }
    return execute_run(run_options);
  }
  if (cycles.parsed()) {
    return execute_cycles(cycle_options, cycle_json);
  }
  if (idle.parsed()) {
    return execute_idle(idle_options, hold);
  }
  if (ping_pong.parsed()) {
    return execute_ping_pong(limit_options);
  }
  if (relay.parsed()) {
    return execute_relay(limit_options);
  }
  if (generator.parsed()) {
    return execute_generator(limit_options);
  }
  if (fsync.parsed()) {
    return execute_fsync(limit_options);
  }
  return list.parsed() ? execute_scenarios() : execute_table(files);
}

}  // namespace

}  // namespace lepus::benchmarks

int main(int argc, char** argv) {
  return lepus::benchmarks::execute(argc, argv);
}
