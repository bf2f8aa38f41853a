#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/simulation/world.h"

namespace lepus::simulation {

/// What one run was and how it ended.
struct RunResult {
  std::string violation;  ///< empty: every promise was kept
  std::uint64_t emissions = 0;
  std::uint64_t confirms = 0;
  std::uint64_t crashes = 0;
  std::uint64_t interrupted_starts = 0;  ///< in which the power went
  std::uint64_t store_faults = 0;        ///< writes that failed
  std::uint64_t read_faults = 0;         ///< reads that failed
  std::uint64_t fingerprint = 0;         ///< equal for equal runs
};

/// Runs the seed's world for so many steps, lets it come to rest, perhaps restarts it, and drains
/// the queues. The number of shards is that of the options, or chosen by the seed if it is 0.
RunResult run_simulation(WorldOptions options, std::size_t steps);

/// "simulate --seed N --steps M", to see the run again.
std::string command_line(const WorldOptions& options, std::size_t steps);

}  // namespace lepus::simulation
