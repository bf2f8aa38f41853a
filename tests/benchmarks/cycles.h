#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "tests/benchmarks/histogram.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// What clients do over and over, each of them waiting for each answer.
struct CycleOptions {
  Target target;
  /// connections, channels, queues or rpc; see cycle_kinds().
  std::string kind;
  /// That do it side by side, each in a thread of its own.
  std::size_t clients = 1;
  /// Of each phase.
  double duration_s = 3;
  /// Whether queues are.
  bool durable = false;
  /// Of the bodies of requests and replies.
  std::size_t size_bytes = 16;
  /// The broker's process, for its CPU time; 0 is unknown.
  int broker_pid = 0;
};

/// One kind of cycle, repeated for a time.
struct CyclePhase {
  std::string name;
  Histogram latency;
  double seconds = 0;
  std::int64_t broker_cpu_ns = 0;

  [[nodiscard]] double per_second() const;
  /// Microseconds for each cycle.
  [[nodiscard]] double broker_cpu_us() const;
};

struct CycleKind {
  std::string_view name;
  std::string_view description;
};

[[nodiscard]] const std::vector<CycleKind>& cycle_kinds();

/// One phase, or two: queues are first declared, then deleted.
[[nodiscard]] Result<std::vector<CyclePhase>> measure_cycles(const CycleOptions& options);

/// The results for people.
[[nodiscard]] std::string to_text(const std::vector<CyclePhase>& phases);
/// The results for programs: an object by phase.
[[nodiscard]] nlohmann::json to_json(const std::vector<CyclePhase>& phases);

}  // namespace lepus::benchmarks
