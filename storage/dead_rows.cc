#include "storage/dead_rows.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::storage {

const DeadSubQueue* DeadQueue::find(Priority priority) const {
  auto found = std::ranges::lower_bound(sub_queues, priority, {}, &DeadSubQueue::priority);
  return found != sub_queues.end() && found->priority == priority ? &*found : nullptr;
}

std::shared_ptr<const DeadQueue> dead_part_of(const QueueProgress& progress) {
  std::shared_ptr<DeadQueue> dead;
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    if (sub_queue.floor == 0 && sub_queue.settled.empty()) {
      continue;
    }
    if (dead == nullptr) {
      dead = std::make_shared<DeadQueue>();
    }
    dead->sub_queues.push_back({sub_queue.priority, sub_queue.floor, sub_queue.settled});
  }
  return dead;
}

const std::shared_ptr<const DeadQueue>& deleted_queue() {
  static const std::shared_ptr<const DeadQueue> deleted =
      std::make_shared<DeadQueue>(DeadQueue{.deleted = true});
  return deleted;
}

std::optional<MessageKey> dead_until(const DeadQueue& queue, const MessageKey& key) {
  if (queue.deleted) {
    return MessageKey{QueueId{value_of(key.queue) + 1}, 0, 0};
  }
  const DeadSubQueue* sub_queue = queue.find(key.priority);
  if (sub_queue == nullptr) {
    return std::nullopt;
  }
  if (key.position < sub_queue->floor) {
    return MessageKey{key.queue, key.priority, sub_queue->floor};
  }
  auto range = std::ranges::upper_bound(sub_queue->settled, key.position, {}, &PositionRange::end);
  if (range != sub_queue->settled.end() && range->begin <= key.position) {
    return MessageKey{key.queue, key.priority, range->end};
  }
  return std::nullopt;
}

namespace {

std::shared_ptr<const DeadQueue> with_floors(const DeadQueue* known,
                                             const std::vector<DeadSubQueue>& floors) {
  auto dead =
      known != nullptr ? std::make_shared<DeadQueue>(*known) : std::make_shared<DeadQueue>();
  for (const DeadSubQueue& raised : floors) {
    auto place =
        std::ranges::lower_bound(dead->sub_queues, raised.priority, {}, &DeadSubQueue::priority);
    if (place == dead->sub_queues.end() || place->priority != raised.priority) {
      place = dead->sub_queues.insert(place, DeadSubQueue{.priority = raised.priority});
    }
    place->floor = std::max(place->floor, raised.floor);
  }
  return dead;
}

}  // namespace

void DeadRows::publish(QueueId queue, std::shared_ptr<const DeadQueue> dead) {
  LEPUS_ASSERT(dead != nullptr, "a queue is published because something of it is dead");
  Shard& shard = shard_of(queue);
  {
    std::lock_guard lock(shard.mutex);
    std::shared_ptr<const DeadQueue>& known = shard.queues[value_of(queue)].dead;
    if (known == nullptr || !known->deleted) {
      known.swap(dead);  // The record before is freed after the lock.
    }
  }
  change_count_.fetch_add(1, std::memory_order_relaxed);
}

void DeadRows::raise_floor(QueueId queue, Priority priority, Position floor) {
  Shard& shard = shard_of(queue);
  {
    std::lock_guard lock(shard.mutex);
    std::vector<DeadSubQueue>& raised = shard.queues[value_of(queue)].raised;
    auto place = std::ranges::find(raised, priority, &DeadSubQueue::priority);
    if (place == raised.end()) {
      place = raised.insert(place, DeadSubQueue{.priority = priority});
    }
    place->floor = std::max(place->floor, floor);
  }
  change_count_.fetch_add(1, std::memory_order_relaxed);
}

std::shared_ptr<const DeadQueue> DeadRows::find(QueueId queue) const {
  return dropping() ? published(queue) : nullptr;
}

std::shared_ptr<const DeadQueue> DeadRows::published(QueueId queue) const {
  const Shard& shard = shard_of(queue);
  std::lock_guard lock(shard.mutex);
  auto found = shard.queues.find(value_of(queue));
  if (found == shard.queues.end()) {
    return nullptr;
  }
  Entry& entry = found->second;
  if (!entry.raised.empty()) {
    if (entry.dead == nullptr || !entry.dead->deleted) {
      entry.dead = with_floors(entry.dead.get(), entry.raised);
    }
    entry.raised.clear();
  }
  return entry.dead;
}

void DeadRows::forget(QueueId queue) {
  Shard& shard = shard_of(queue);
  std::lock_guard lock(shard.mutex);
  shard.queues.erase(value_of(queue));
}

}  // namespace lepus::storage
