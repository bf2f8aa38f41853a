#include "broker/store_progress.h"

#include <algorithm>

#include "broker/model/delayed_messages.h"

namespace lepus {

namespace {

using storage::Position;
using storage::PositionRange;

std::vector<storage::ReturnedRange> clipped(const std::vector<storage::ReturnedRange>& ranges,
                                            Position begin, Position end) {
  std::vector<storage::ReturnedRange> clipped;
  for (storage::ReturnedRange range : ranges) {
    range.positions.begin = std::max(range.positions.begin, begin);
    range.positions.end = std::min(range.positions.end, end);
    if (range.positions.begin < range.positions.end) {
      clipped.push_back(range);
    }
  }
  return clipped;
}

storage::SubQueueProgress rebuild(storage::Priority priority, const SubQueueAudit& audit) {
  storage::SubQueueProgress progress;
  progress.priority = priority;
  // No position is given twice, not even one whose row can't be read.
  progress.next_position = audit.recorded.next_position;
  if (!audit.live.empty()) {
    progress.next_position = std::max(progress.next_position, audit.live.back().end);
  }
  if (!audit.damaged.empty()) {
    progress.next_position = std::max(progress.next_position, audit.damaged.back() + 1);
  }
  progress.floor = audit.live.empty() ? progress.next_position : audit.live.front().begin;
  Position settled_from = progress.floor;
  for (const PositionRange& live : audit.live) {
    if (live.begin != settled_from) {
      progress.settled.push_back({settled_from, live.begin});
    }
    settled_from = live.end;
  }
  if (settled_from != progress.next_position) {
    progress.settled.push_back({settled_from, progress.next_position});
  }
  progress.delivered_below = progress.next_position;
  progress.returned = clipped(audit.recorded.returned, progress.floor, progress.next_position);
  progress.stored_count = audit.live_count;
  progress.stored_bytes = audit.live_bytes;
  progress.had_consumer = true;
  progress.has_expiring = audit.recorded.has_expiring || audit.has_expiring;
  return progress;
}

/// What lies between the times at which messages are due is not settled but free, and what is due
/// is not known to have been taken.
storage::SubQueueProgress rebuild_delayed(storage::Priority priority, const SubQueueAudit& audit) {
  using model::DelayedMessages;
  storage::SubQueueProgress progress;
  progress.priority = priority;
  progress.floor = audit.recorded.floor;
  progress.settled = audit.recorded.settled;
  progress.next_position = audit.recorded.next_position;
  Position last = 0;
  if (!audit.live.empty()) {
    last = audit.live.back().end - 1;
  }
  if (!audit.damaged.empty()) {
    last = std::max(last, audit.damaged.back());
  }
  if (last != 0) {
    // Which sequence numbers were given is not known: no more are.
    last = std::max(last, progress.next_position);
    progress.next_position = DelayedMessages::next_position(DelayedMessages::due_ms_of(last),
                                                            DelayedMessages::sequences_max);
  }
  progress.stored_count = audit.live_count;
  progress.stored_bytes = audit.live_bytes;
  return progress;
}

}  // namespace

storage::QueueProgress rebuild_progress(const QueueAudit& queue, bool delays) {
  storage::QueueProgress progress;
  for (const auto& [priority, sub_queue] : queue.sub_queues) {
    progress.sub_queues.push_back(delays ? rebuild_delayed(priority, sub_queue)
                                         : rebuild(priority, sub_queue));
  }
  return progress;
}

}  // namespace lepus
