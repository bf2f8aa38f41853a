#include "broker/model/consumers.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::model {

Consumer& Consumers::add(std::unique_ptr<Consumer> consumer) {
  Consumer& added = *consumer;
  const Place place = all_.insert(all_.end(), std::move(consumer));
  places_.emplace(added.specification.id, place);
  exclusive_count_ += added.specification.exclusive ? 1 : 0;
  added.level = &level_for(added.specification.priority);
  added.level->members.push_back(added);
  if (single_active_ && active_ == nullptr) {
    active_ = &added;
  }
  make_ready(added);
  return added;
}

std::unique_ptr<Consumer> Consumers::remove(ConsumerId id) {
  const auto found = places_.find(id);
  if (found == places_.end()) {
    return nullptr;
  }
  const Place place = found->second;
  places_.erase(found);
  std::unique_ptr<Consumer> removed = std::move(*place);
  all_.erase(place);
  exclusive_count_ -= removed->specification.exclusive ? 1 : 0;
  make_unready(*removed);
  leave_level(*removed);
  if (active_ == removed.get()) {
    choose_active();
  }
  return removed;
}

/// The highest priority, then the oldest.
void Consumers::choose_active() {
  active_ = levels_.empty() ? nullptr : &levels_.front()->members.front();
  if (active_ != nullptr) {
    make_ready(*active_);
  }
}

Consumer* Consumers::find(ConsumerId id) const {
  const auto found = places_.find(id);
  return found == places_.end() ? nullptr : found->second->get();
}

Consumer* Consumers::next() {
  for (const auto& level : levels_) {
    if (!level->ready.empty()) {
      return &level->ready.front();
    }
  }
  return nullptr;
}

void Consumers::took(Consumer& consumer) {
  auto& ready = consumer.level->ready;
  LEPUS_ASSERT(!ready.empty() && &ready.front() == &consumer, "took() follows next()");
  ready.pop_front();
  ready.push_back(consumer);
}

void Consumers::make_ready(Consumer& consumer) {
  if (!consumer.ready_hook.is_linked() && may_take(consumer)) {
    consumer.level->ready.push_back(consumer);
  }
}

void Consumers::make_unready(Consumer& consumer) {
  if (consumer.ready_hook.is_linked()) {
    auto& ready = consumer.level->ready;
    ready.erase(ready.iterator_to(consumer));
  }
}

ConsumerLevel& Consumers::level_for(std::int32_t priority) {
  auto place = std::find_if(levels_.begin(), levels_.end(),
                            [priority](const auto& level) { return level->priority <= priority; });
  if (place == levels_.end() || (*place)->priority != priority) {
    place = levels_.insert(place, std::make_unique<ConsumerLevel>());
    (*place)->priority = priority;
  }
  return **place;
}

void Consumers::leave_level(Consumer& consumer) {
  ConsumerLevel* const level = std::exchange(consumer.level, nullptr);
  level->members.erase(level->members.iterator_to(consumer));
  if (level->members.empty()) {
    std::erase_if(levels_, [level](const auto& each) { return each.get() == level; });
  }
}

}  // namespace lepus::model
