#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace lepus::benchmarks {

/// Where the broker is and how to log in.
struct Target {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5672;
  std::string user = "guest";
  std::string password = "guest";
  std::string virtual_host = "/";
};

/// What a `run` does. A scenario sets these first; options on the command line come over them.
struct RunOptions {
  Target target;
  /// The scenario's name, or "custom".
  std::string scenario = "custom";

  /// Connections that publish, and connections that consume.
  std::size_t publishers = 1;
  std::size_t consumers = 1;
  std::size_t queues = 1;
  /// Channels of each connection; they are used in turn.
  std::size_t channels = 1;
  std::size_t publisher_threads = 1;
  std::size_t consumer_threads = 1;

  /// Octets of a body. From 16 on it carries the time of sending.
  std::size_t size_bytes = 16;
  /// Messages a second of all publishers together; 0 is as fast as the broker takes them.
  double rate_per_second = 0;
  /// At a fixed rate, messages leave at multiples of this time.
  std::uint64_t tick_us = 100;
  /// How much a publisher hands to one `send`.
  std::size_t batch_bytes = 65536;

  /// 0 is no limit.
  std::uint16_t prefetch = 0;
  bool auto_ack = false;
  /// One ack for so many deliveries, with `multiple` if more than one.
  std::uint64_t ack_every = 1;
  /// Unconfirmed messages per publisher and channel; 0 is no confirms at all.
  std::size_t confirm_window = 0;

  /// Messages of all publishers that were published and not yet delivered; 0 is no limit. For
  /// brokers that do not slow publishers down before their queues are long.
  std::uint64_t in_flight = 0;

  bool persistent = false;
  bool durable = false;
  /// Sent as x-queue-type if not empty.
  std::string queue_type;
  /// `name=value`; numbers and true/false are sent as such.
  std::vector<std::string> queue_arguments;
  /// What the names of queues and exchange begin with; empty: `perf-` and the process's number.
  std::string name_prefix;
  /// Queues and exchange are left as they are at the end, to be consumed by a later run of the same
  /// prefix.
  bool keep = false;
  /// default, direct, fanout, topic or headers.
  std::string exchange_kind = "default";
  /// If not 0, that kind of exchange delays (x-delayed-message), by times at random between these.
  std::uint32_t delay_min_ms = 1;
  std::uint32_t delay_max_ms = 0;
  /// Keys to publish with, in turn; none: the names of the queues.
  std::vector<std::string> routing_keys;
  /// Keys that every queue is bound with; none: the name of the queue.
  std::vector<std::string> binding_keys;
  /// If not 0: so many bindings of the first queue, with keys (or patterns) of a word of their own,
  /// and publishes with so many different keys, each of which fits one of them.
  std::size_t bindings = 0;
  std::size_t distinct_keys = 1;
  /// Set on every publish.
  bool mandatory = false;

  /// How long to publish; ends earlier if `messages` have been sent.
  double duration_s = 5;
  /// Messages to publish in all; 0 is no limit.
  std::uint64_t messages = 0;
  /// Consumers start so much later than publishers.
  double consumer_delay_s = 0;
  /// Consumers start when everything is published (and confirmed, with confirms).
  bool consume_after_publish = false;
  /// How long to wait for what is still in queues after publishing.
  double drain_s = 30;

  /// The broker's process, for its CPU time and memory; 0 is unknown.
  int broker_pid = 0;
  std::string json_file;
  bool quiet = false;

  [[nodiscard]] bool delays() const { return delay_max_ms != 0; }

  [[nodiscard]] bool confirms() const { return confirm_window != 0; }

  /// Bodies carry the time of sending.
  [[nodiscard]] bool stamped() const { return size_bytes >= 16; }
};

/// A named preset.
struct Scenario {
  std::string_view name;
  std::string_view description;
  /// Changes the defaults into the scenario's.
  void (*apply)(RunOptions& options);
};

/// All scenarios, in the order in which a table shows them.
[[nodiscard]] const std::vector<Scenario>& scenarios();

/// Sets the scenario's options; fails if there is none of that name.
[[nodiscard]] Result<void> apply_scenario(std::string_view name, RunOptions& options);

/// Whether the options fit together; the error says which don't.
[[nodiscard]] Result<void> check(const RunOptions& options);

}  // namespace lepus::benchmarks
