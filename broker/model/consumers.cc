#include "broker/model/consumers.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::model {

Consumer& Consumers::add(std::unique_ptr<Consumer> consumer) {
  Consumer& added = *consumer;
  all_.push_back(std::move(consumer));
  if (single_active_ && active_ == nullptr) {
    active_ = &added;
  }
  make_ready(added);
  return added;
}

std::unique_ptr<Consumer> Consumers::remove(ConsumerId id) {
  auto found = std::find_if(all_.begin(), all_.end(), [id](const auto& consumer) {
    return consumer->specification.id == id;
  });
  if (found == all_.end()) {
    return nullptr;
  }
  make_unready(**found);
  auto removed = std::move(*found);
  all_.erase(found);
  if (active_ == removed.get()) {
    choose_active();
  }
  return removed;
}

void Consumers::choose_active() {
  active_ = nullptr;
  for (const auto& consumer : all_) {  // the highest priority, then the oldest
    if (active_ == nullptr || consumer->specification.priority > active_->specification.priority) {
      active_ = consumer.get();
    }
  }
  if (active_ != nullptr) {
    make_ready(*active_);
  }
}

Consumer* Consumers::find(ConsumerId id) const {
  for (const auto& consumer : all_) {
    if (consumer->specification.id == id) {
      return consumer.get();
    }
  }
  return nullptr;
}

Consumer* Consumers::next() {
  for (const auto& level : levels_) {
    if (!level->ready.empty()) {
      return level->ready.front();
    }
  }
  return nullptr;
}

void Consumers::took(Consumer& consumer) {
  auto& ready = level_of(consumer).ready;
  LEPUS_ASSERT(!ready.empty() && ready.front() == &consumer, "took() follows next()");
  if (ready.size() > 1) {
    ready.pop_front();
    ready.push_back(&consumer);
  }
}

void Consumers::make_ready(Consumer& consumer) {
  if (consumer.is_ready || !may_take(consumer)) {
    return;
  }
  consumer.is_ready = true;
  level_of(consumer).ready.push_back(&consumer);
}

void Consumers::make_unready(Consumer& consumer) {
  if (!consumer.is_ready) {
    return;
  }
  consumer.is_ready = false;
  auto& ready = level_of(consumer).ready;
  if (ready.front() == &consumer) {
    ready.pop_front();
  } else {
    ready.erase(std::find(ready.begin(), ready.end(), &consumer));
  }
}

bool Consumers::has_exclusive() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const auto& consumer) { return consumer->specification.exclusive; });
}

Consumers::Level& Consumers::level_of(const Consumer& consumer) {
  const std::int32_t priority = consumer.specification.priority;
  auto place = std::find_if(levels_.begin(), levels_.end(),
                            [priority](const auto& level) { return level->priority <= priority; });
  if (place == levels_.end() || (*place)->priority != priority) {
    place = levels_.insert(place, std::make_unique<Level>(Level{priority, {}}));
  }
  return **place;
}

}  // namespace lepus::model
