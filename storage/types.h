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

/// The state of one (queue, priority) as of a batch: absolute, so that the newest record alone
/// counts.
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

  bool operator==(const SubQueueProgress&) const = default;
};

struct QueueProgress {
  std::vector<SubQueueProgress> sub_queues;  ///< by priority

  bool operator==(const QueueProgress&) const = default;
};

}  // namespace lepus::storage
