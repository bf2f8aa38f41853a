#include "storage/dead_rows.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "storage/progress_pages.h"

namespace lepus::storage {

const DeadSubQueue* DeadQueue::find(Priority priority) const {
  auto found = std::ranges::lower_bound(sub_queues, priority, {}, &DeadSubQueue::priority);
  return found != sub_queues.end() && found->priority == priority ? &*found : nullptr;
}

namespace {

std::vector<DeadPage> dead_pages_of(const SubQueueProgress& sub_queue) {
  std::vector<DeadPage> pages;
  pages.reserve(sub_queue.pages.size());
  for (const ProgressPage& page : sub_queue.pages) {
    pages.push_back({page.begin, page.settled.empty()
                                     ? nullptr
                                     : std::make_shared<std::vector<PositionRange>>(page.settled)});
  }
  return pages;
}

/// The end of the range among these that holds the position.
std::optional<Position> end_of_range(const std::vector<PositionRange>& ranges, Position position) {
  const auto range = std::ranges::upper_bound(ranges, position, {}, &PositionRange::end);
  return range != ranges.end() && range->begin <= position ? std::optional(range->end)
                                                           : std::nullopt;
}

std::optional<Position> end_of_range(const std::vector<DeadPage>& pages, Position position) {
  auto page = std::ranges::upper_bound(pages, position, {}, &DeadPage::begin);
  while (page != pages.begin()) {
    --page;
    if (page->settled->front().begin <= position) {
      return end_of_range(*page->settled, position);
    }
    // All of its ranges lie behind: if any holds the position, it begins in the page before.
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const DeadQueue> dead_part_of(const QueueProgress& progress) {
  std::shared_ptr<DeadQueue> dead;
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    const bool is_paged = sub_queue.page_count != 0;
    if (sub_queue.floor == 0 && sub_queue.settled.empty() && !is_paged) {
      continue;
    }
    if (dead == nullptr) {
      dead = std::make_shared<DeadQueue>();
    }
    dead->sub_queues.push_back(
        {sub_queue.priority, sub_queue.floor, sub_queue.settled, is_paged, {}});
    if (is_paged) {
      dead->sub_queues.back().pages = dead_pages_of(sub_queue);
    }
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
  const std::optional<Position> end = sub_queue->is_paged
                                          ? end_of_range(sub_queue->pages, key.position)
                                          : end_of_range(sub_queue->settled, key.position);
  return end ? std::optional(MessageKey{key.queue, key.priority, *end}) : std::nullopt;
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

/// All pages of a sub-queue after some changes of its queue.
std::vector<DeadPage> pages_after(const DeadQueue* known, Priority priority,
                                  const std::vector<std::shared_ptr<const DeadQueue>>& changes) {
  std::vector<DeadPage> pages;
  if (const DeadSubQueue* before = known != nullptr ? known->find(priority) : nullptr) {
    pages = before->pages;
  }
  for (const auto& change : changes) {
    const DeadSubQueue* changed = change->find(priority);
    if (changed != nullptr && changed->is_paged) {
      replace_pages(pages, changed->pages);
    } else {
      pages.clear();
    }
  }
  return pages;
}

/// Many changes that nobody asks for take memory, and each time that they are applied takes a look
/// at all pages.
constexpr std::size_t changes_max = 64;

}  // namespace

void DeadRows::apply_changes(Entry& entry) {
  auto dead = std::make_shared<DeadQueue>(*entry.changes.back());
  for (DeadSubQueue& sub_queue : dead->sub_queues) {
    if (sub_queue.is_paged) {
      sub_queue.pages = pages_after(entry.dead.get(), sub_queue.priority, entry.changes);
    }
  }
  entry.dead = std::move(dead);
  entry.changes.clear();
}

void DeadRows::publish(QueueId queue, std::shared_ptr<const DeadQueue> dead) {
  LEPUS_ASSERT(dead != nullptr, "a queue is published because something of it is dead");
  const bool is_change = std::ranges::any_of(dead->sub_queues, &DeadSubQueue::is_paged);
  Shard& shard = shard_of(queue);
  {
    std::lock_guard lock(shard.mutex);
    Entry& entry = shard.queues[value_of(queue)];
    if (entry.dead == nullptr || !entry.dead->deleted) {
      if (is_change) [[unlikely]] {
        entry.changes.push_back(std::move(dead));
        if (entry.changes.size() == changes_max) {
          apply_changes(entry);
        }
      } else {
        entry.dead.swap(dead);  // The record before is freed after the lock.
        entry.changes.clear();
      }
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
  if (!entry.changes.empty()) {
    apply_changes(entry);
  }
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
