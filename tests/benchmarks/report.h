#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/benchmarks/histogram.h"
#include "tests/benchmarks/options.h"
#include "tests/benchmarks/process_usage.h"

namespace lepus::benchmarks {

/// What a run found. Times count from the start of publishing.
struct RunResult {
  std::uint64_t published = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t nacked = 0;
  std::uint64_t returned = 0;
  std::uint64_t delivered = 0;
  /// Deliveries to be expected for what was published; 0 if unknown.
  std::uint64_t expected = 0;
  std::uint64_t blocked = 0;
  /// Messages that were due but not sent, at a fixed rate.
  std::uint64_t behind = 0;

  double publish_s = 0;
  double confirm_s = 0;
  /// From the first moment at which a delivery was possible to the last delivery.
  double deliver_s = 0;

  /// What the broker had used before, when everything was published and confirmed, and after.
  ProcessUsage start;
  ProcessUsage published_all;
  ProcessUsage end;
  /// CPU time of this process's workers.
  std::int64_t generator_cpu_ns = 0;
  std::uint64_t broker_resident_peak_bytes = 0;

  Histogram delivery_latency;
  Histogram confirm_latency;

  [[nodiscard]] double publish_rate() const;
  [[nodiscard]] double confirm_rate() const;
  [[nodiscard]] double deliver_rate() const;

  /// Messages that CPU time is divided by: deliveries if there are any, else publishes.
  [[nodiscard]] std::uint64_t messages() const;

  /// Microseconds for each of `messages`.
  [[nodiscard]] double broker_cpu_us() const;
  [[nodiscard]] double generator_cpu_us() const;

  /// Deliveries or confirms that did not come.
  [[nodiscard]] std::uint64_t missing() const;
};

/// The result for people.
[[nodiscard]] std::string to_text(const RunOptions& options, const RunResult& result);

/// The result for programs, with the options.
[[nodiscard]] nlohmann::json to_json(const RunOptions& options, const RunResult& result);

/// A Markdown table of results in JSON files: one row per scenario with the medians of its runs.
[[nodiscard]] Result<std::string> to_table(const std::vector<std::string>& files);

}  // namespace lepus::benchmarks
