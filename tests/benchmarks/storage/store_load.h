#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/base/result.h"

namespace lepus::benchmarks {

/// Messages written to one queue of a store of its own, by so many to a commit, each commit synced.
struct StoreLoad {
  std::string folder;  ///< must not exist; it is left for the caller to remove
  std::size_t size_bytes = 1024;
  std::uint64_t messages = 1'000'000;
  std::uint64_t messages_per_commit = 256;
  /// Messages are settled when so many commits have followed theirs; 0: never.
  std::uint64_t settled_after_commits = 16;
};

struct StoreLoadResult {
  std::uint64_t commits = 0;
  double seconds = 0;
  /// CPU time of all threads of the process, flushes and compactions among them.
  std::int64_t cpu_ns = 0;
  /// What the process caused to be written to disks.
  std::uint64_t written_bytes = 0;
};

/// Runs the load: a commit is handed over when the one before the last is done, so the store always
/// has one to go on with and never joins two.
[[nodiscard]] Result<StoreLoadResult> run_store_load(const StoreLoad& load);

/// The progress records in the data directory of a stopped broker.
struct ProgressSizes {
  std::size_t queues = 0;
  std::size_t largest_bytes = 0;
  std::uint64_t stored_messages = 0;
};

[[nodiscard]] Result<ProgressSizes> read_progress_sizes(const std::string& folder);

}  // namespace lepus::benchmarks
