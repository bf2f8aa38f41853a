#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "storage/statistics.h"

namespace lepus::storage {

/// A Distribution that is counted while others look at it: each number is right by itself, together
/// they may be a moment apart.
class DistributionCounter {
 public:
  void add(std::uint64_t value) {
    count_.fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
    buckets_[Distribution::bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    std::uint64_t max = max_.load(std::memory_order_relaxed);
    while (value > max && !max_.compare_exchange_weak(max, value, std::memory_order_relaxed)) {
    }
  }

  [[nodiscard]] Distribution get() const {
    Distribution distribution;
    distribution.count = count_.load(std::memory_order_relaxed);
    distribution.sum = sum_.load(std::memory_order_relaxed);
    distribution.max = max_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < Distribution::bucket_count; ++i) {
      distribution.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    }
    return distribution;
  }

 private:
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> sum_ = 0;
  std::atomic<std::uint64_t> max_ = 0;
  std::array<std::atomic<std::uint64_t>, Distribution::bucket_count> buckets_{};
};

/// The part of StoreStatistics that is counted as it happens. A commit costs two looks at the clock
/// and some twenty relaxed additions, whatever is in it; a read the same.
class StatisticsCounters {
 public:
  using Clock = std::chrono::steady_clock;

  void count_commit(std::uint64_t batches, std::uint64_t records, std::uint64_t bytes,
                    Clock::duration duration) {
    batches_.fetch_add(batches, std::memory_order_relaxed);
    records_per_commit_.add(records);
    bytes_per_commit_.add(bytes);
    sync_us_.add(microseconds(duration));
  }

  void count_failed_commit() { failed_commits_.fetch_add(1, std::memory_order_relaxed); }

  void count_read(std::uint64_t rows, std::uint64_t bytes, bool failed, Clock::duration duration) {
    failed_reads_.fetch_add(failed ? 1 : 0, std::memory_order_relaxed);
    rows_read_.fetch_add(rows, std::memory_order_relaxed);
    row_bytes_read_.fetch_add(bytes, std::memory_order_relaxed);
    read_us_.add(microseconds(duration));
  }

  void count_flush(std::uint64_t bytes) {
    flush_bytes_written_.fetch_add(bytes, std::memory_order_relaxed);
  }

  void count_compaction(std::uint64_t bytes_read, std::uint64_t bytes_written) {
    compaction_bytes_read_.fetch_add(bytes_read, std::memory_order_relaxed);
    compaction_bytes_written_.fetch_add(bytes_written, std::memory_order_relaxed);
  }

  /// Everything but what is on the disk now.
  [[nodiscard]] StoreStatistics get() const {
    StoreStatistics statistics;
    statistics.records_per_commit = records_per_commit_.get();
    statistics.bytes_per_commit = bytes_per_commit_.get();
    statistics.sync_us = sync_us_.get();
    statistics.read_us = read_us_.get();
    statistics.commits = statistics.sync_us.count;
    statistics.reads = statistics.read_us.count;
    statistics.committed_bytes = statistics.bytes_per_commit.sum;
    statistics.log_bytes_written = statistics.committed_bytes;
    statistics.batches = batches_.load(std::memory_order_relaxed);
    statistics.failed_commits = failed_commits_.load(std::memory_order_relaxed);
    statistics.failed_reads = failed_reads_.load(std::memory_order_relaxed);
    statistics.rows_read = rows_read_.load(std::memory_order_relaxed);
    statistics.row_bytes_read = row_bytes_read_.load(std::memory_order_relaxed);
    statistics.flush_bytes_written = flush_bytes_written_.load(std::memory_order_relaxed);
    statistics.compaction_bytes_read = compaction_bytes_read_.load(std::memory_order_relaxed);
    statistics.compaction_bytes_written = compaction_bytes_written_.load(std::memory_order_relaxed);
    return statistics;
  }

 private:
  static std::uint64_t microseconds(Clock::duration duration) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  }

  DistributionCounter records_per_commit_;
  DistributionCounter bytes_per_commit_;
  DistributionCounter sync_us_;
  DistributionCounter read_us_;
  std::atomic<std::uint64_t> batches_ = 0;
  std::atomic<std::uint64_t> failed_commits_ = 0;
  std::atomic<std::uint64_t> failed_reads_ = 0;
  std::atomic<std::uint64_t> rows_read_ = 0;
  std::atomic<std::uint64_t> row_bytes_read_ = 0;
  std::atomic<std::uint64_t> flush_bytes_written_ = 0;
  std::atomic<std::uint64_t> compaction_bytes_read_ = 0;
  std::atomic<std::uint64_t> compaction_bytes_written_ = 0;
};

}  // namespace lepus::storage
