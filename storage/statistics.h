#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lepus::storage {

/// How values were distributed: bucket i counts those below 2^i that no bucket before it counts.
struct Distribution {
  static constexpr std::size_t bucket_count = 40;

  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;
  std::array<std::uint64_t, bucket_count> buckets{};

  /// The bucket that counts a value.
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) {
    const auto bucket = static_cast<std::size_t>(std::bit_width(value));
    return bucket < bucket_count ? bucket : bucket_count - 1;
  }

  /// A value that this part of all (0 … 1) does not exceed, up to a factor of two and never above
  /// max. 0 where nothing was counted.
  [[nodiscard]] std::uint64_t quantile(double part) const;
};

/// What is on the disk of one family, or of the transient rows.
struct FamilyStatistics {
  std::string name;
  std::uint64_t tables = 0;
  std::uint64_t table_bytes = 0;
};

/// What a store has done since it was opened, and what it holds now. All zeros for a store in
/// memory.
struct StoreStatistics {
  // On the disk now.
  std::vector<FamilyStatistics> families;  ///< of the durable rows, and "transient"
  std::uint64_t table_bytes = 0;           ///< of all families
  std::uint64_t log_bytes = 0;             ///< logs that a restart would replay
  std::uint64_t buffer_bytes = 0;          ///< in memory, not in a table yet

  // Written and read since the store was opened.
  std::uint64_t committed_bytes = 0;           ///< what was given to commit, once
  std::uint64_t log_bytes_written = 0;         ///< to logs
  std::uint64_t flush_bytes_written = 0;       ///< to tables out of buffers
  std::uint64_t compaction_bytes_written = 0;  ///< to tables out of tables
  std::uint64_t compaction_bytes_read = 0;

  // Commits.
  std::uint64_t commits = 0;         ///< calls that wrote and synced
  std::uint64_t failed_commits = 0;  ///< those whose outcome is unknown
  std::uint64_t batches = 0;         ///< of the partitions and the topology, in all commits
  Distribution records_per_commit;   ///< rows and other records
  Distribution bytes_per_commit;
  Distribution sync_us;  ///< writing to the log and syncing it, for each commit

  // Reads of message rows.
  std::uint64_t reads = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t rows_read = 0;
  std::uint64_t row_bytes_read = 0;
  Distribution read_us;

  /// Bytes that reached the disk for each byte that was committed; 0 before the first one.
  [[nodiscard]] double write_amplification() const;
};

}  // namespace lepus::storage
