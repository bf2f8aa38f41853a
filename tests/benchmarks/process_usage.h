#pragma once

#include <cstdint>

namespace lepus::benchmarks {

/// What a process has used so far; zeros if that can't be read.
struct ProcessUsage {
  /// CPU time of all threads, exact; user and system in steps of 10 ms.
  std::int64_t cpu_ns = 0;
  std::int64_t user_ns = 0;
  std::int64_t system_ns = 0;
  /// Memory in RAM, now and at most so far.
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_max_bytes = 0;
  /// What it caused to be written to disks.
  std::uint64_t written_bytes = 0;
};

/// Reads /proc.
[[nodiscard]] ProcessUsage read_usage(int pid);

}  // namespace lepus::benchmarks
