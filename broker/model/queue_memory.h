#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "broker/base/limits.h"

namespace lepus::model {

/// When the sets of a sub-queue go into pages of its progress record; other values are for tests.
struct ProgressLimits {
  std::size_t items_max = limits::progress_items_max;  ///< in the record itself
  std::uint64_t page_positions = limits::progress_page_positions;
};

/// What the queues of one shard hold in memory together, and what is allowed each of them. The
/// sub-queues count themselves.
struct QueueMemory {
  std::size_t limit_bytes = limits::queues_bytes_max;           ///< of all messages
  std::size_t unacked_limit_bytes = limits::unacked_bytes_max;  ///< of unacked bodies

  ProgressLimits progress;

  std::size_t used_bytes = 0;
  std::size_t unacked_bytes = 0;

  /// How much of its head a queue may keep in memory: less when it becomes scarce, and nothing at
  /// the limit, so that what comes goes to the disk.
  [[nodiscard]] std::size_t window_bytes() const {
    if (used_bytes <= limit_bytes / 2) [[likely]] {
      return limits::queue_window_bytes_max;
    }
    const std::size_t free_bytes = limit_bytes - std::min(limit_bytes, used_bytes);
    return std::min(limits::queue_window_bytes_max, free_bytes / 8);
  }

  /// Only what somebody waits for is read from the disk.
  [[nodiscard]] bool is_scarce() const { return used_bytes > limit_bytes / 2; }

  /// Nothing more is delivered before something has been acked.
  [[nodiscard]] bool is_full_of_unacked() const { return unacked_bytes >= unacked_limit_bytes; }
};

/// A number of bytes that counts in a total as well.
class CountedBytes {
 public:
  explicit CountedBytes(std::size_t& total_bytes) : total_bytes_(total_bytes) {}

  CountedBytes(const CountedBytes&) = delete;
  CountedBytes& operator=(const CountedBytes&) = delete;

  ~CountedBytes() { total_bytes_ -= bytes_; }

  CountedBytes& operator+=(std::size_t bytes) {
    bytes_ += bytes;
    total_bytes_ += bytes;
    return *this;
  }

  CountedBytes& operator-=(std::size_t bytes) {
    bytes_ -= bytes;
    total_bytes_ -= bytes;
    return *this;
  }

  operator std::size_t() const { return bytes_; }  // NOLINT(google-explicit-constructor)

 private:
  std::size_t bytes_ = 0;
  std::size_t& total_bytes_;
};

}  // namespace lepus::model
