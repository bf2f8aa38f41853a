#pragma once

#include <cstdint>
#include <vector>

namespace lepus::storage {

/// A queue's number for ever: rising, never used again after a delete or a restart.
enum class QueueId : std::uint64_t {};

/// The place of a message in its sub-queue: rising, never written twice, never reused.
using Position = std::uint64_t;

/// Priority levels keep their messages in sub-queues of their own; 0 where a queue has no
/// priorities.
using Priority = std::uint8_t;

/// The 64 partitions have the logs 0…63; the topology and the deleted ids have the log 64.
using LogId = std::uint32_t;
inline constexpr std::uint32_t partition_count = 64;
inline constexpr LogId topology_log = partition_count;

/// Batches of one log are numbered 1, 2, 3, … without a gap.
using BatchNumber = std::uint64_t;

constexpr std::uint64_t value_of(QueueId id) {
  return static_cast<std::uint64_t>(id);
}

/// Positions begin ≤ p < end.
struct PositionRange {
  Position begin = 0;
  Position end = 0;

  bool operator==(const PositionRange&) const = default;
};

/// Positions that were given back to the queue, all with the same number of earlier deliveries.
struct ReturnedRange {
  PositionRange positions;
  std::uint32_t delivery_count = 0;

  bool operator==(const ReturnedRange&) const = default;
};

/// Where a stored message is.
struct MessageKey {
  QueueId queue{};
  Priority priority = 0;
  Position position = 0;

  bool operator==(const MessageKey&) const = default;
};

/// A part of the large sets of one sub-queue, in a record of its own: the ranges that begin at or
/// above its first position and below the first one of the next page. Absolute, as the record is.
struct ProgressPage {
  Position begin = 0;
  std::vector<PositionRange> settled;   ///< as in SubQueueProgress; may go on behind the page
  std::vector<ReturnedRange> returned;  ///< as in SubQueueProgress

  /// There is nothing to store of it: a page that was stored is erased.
  [[nodiscard]] bool empty() const { return settled.empty() && returned.empty(); }

  bool operator==(const ProgressPage&) const = default;
};

/// The state of one (queue, priority) as of a batch: absolute, so that the newest record alone
/// counts. Small sets are in it; large ones are in pages, of which only those need be written that
/// have changed.
struct SubQueueProgress {
  Priority priority = 0;
  Position next_position = 0;           ///< never falls
  Position floor = 0;                   ///< everything below is settled
  std::vector<PositionRange> settled;   ///< above the floor; sorted, disjoint, not touching
  Position delivered_below = 0;         ///< some position below it may have been delivered
  std::vector<ReturnedRange> returned;  ///< sorted by position, disjoint
  std::uint64_t stored_count = 0;  ///< stored messages that are not settled (ready and unacked)
  std::uint64_t stored_bytes = 0;  ///< their bodies
  bool had_consumer = false;       ///< a delivery after this record may have left no trace
  bool has_expiring = false;       ///< some message had an expiration of its own

  /// How many pages the store has of it as of this record. With any, `settled` and `returned` are
  /// empty.
  std::uint64_t page_count = 0;
  /// By their first positions. To be written: those that are not stored as they are here.
  /// Recovered: all that there are.
  std::vector<ProgressPage> pages;

  bool operator==(const SubQueueProgress&) const = default;
};

struct QueueProgress {
  std::vector<SubQueueProgress> sub_queues;  ///< by priority

  bool operator==(const QueueProgress&) const = default;
};

}  // namespace lepus::storage
