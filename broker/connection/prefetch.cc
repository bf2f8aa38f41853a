#include "broker/connection/prefetch.h"

#include <algorithm>

namespace lepus::connection {

void ChannelPrefetch::set_limit(std::uint16_t limit) {
  limit_ = limit;
  if (limit == 0) {
    held_.clear();
    held_count_ = 0;
    waiting_.clear();
  }
}

void ChannelPrefetch::delivered(model::ConsumerId consumer) {
  ++unacked_;
  if (!is_limited()) {
    return;
  }
  const auto held = held_.find(consumer);
  if (held != held_.end() && held->second != 0) {
    --held->second;
    --held_count_;
  }
}

void ChannelPrefetch::requested(model::ConsumerId consumer) {
  if (is_limited() && std::find(waiting_.begin(), waiting_.end(), consumer) == waiting_.end()) {
    waiting_.push_back(consumer);
  }
}

void ChannelPrefetch::returned(model::ConsumerId consumer, std::uint32_t count) {
  const auto held = held_.find(consumer);
  if (held != held_.end()) {
    const std::uint32_t returned = std::min(count, held->second);
    held->second -= returned;
    held_count_ -= returned;
  }
}

void ChannelPrefetch::ended(model::ConsumerId consumer) {
  std::erase(waiting_, consumer);
  const auto held = held_.find(consumer);
  if (held != held_.end()) {
    held_count_ -= held->second;
    held_.erase(held);
  }
}

}  // namespace lepus::connection
