#include "broker/connection/unacked.h"

#include <algorithm>

#include "broker/base/assert.h"

namespace lepus::connection {

namespace {

/// Below so many it isn't worth moving entries.
constexpr std::size_t entries_moved_min = 256;
/// An empty row with room for more gives its memory back.
constexpr std::size_t empty_capacity_max = 1024;

}  // namespace

void Unacked::add(std::uint64_t tag, DeliverySource& source, model::MessagePlace place,
                  std::int64_t now_ms) {
  if (entries_.size() == entries_.capacity() &&
      entries_.size() - count_ >= std::max(entries_moved_min, entries_.size() / 2)) {
    close_holes();
  }
  entries_.push_back({tag, &source, place.position, now_ms, place.priority});
  ++count_;
  ++source.outstanding;
}

void Unacked::put_back(const std::vector<UnackedDelivery>& deliveries) {
  close_holes();
  entries_.insert(entries_.end(), deliveries.begin(), deliveries.end());
  std::sort(entries_.begin(), entries_.end(),
            [](const auto& left, const auto& right) { return left.tag < right.tag; });
  count_ = entries_.size();
}

std::size_t Unacked::find(std::uint64_t tag) const {
  if (count_ == 0 || tag < entries_[first_].tag) {
    return npos;
  }
  const std::size_t guess = first_ + static_cast<std::size_t>(tag - entries_[first_].tag);
  if (guess < entries_.size() && entries_[guess].tag == tag) [[likely]] {
    return entries_[guess].source != nullptr ? guess : npos;
  }
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto found = std::lower_bound(
      begin, entries_.end(), tag,
      [](const UnackedDelivery& delivery, std::uint64_t wanted) { return delivery.tag < wanted; });
  return found != entries_.end() && found->tag == tag && found->source != nullptr
             ? static_cast<std::size_t>(found - entries_.begin())
             : npos;
}

bool Unacked::take(std::uint64_t tag, UnackedDelivery& taken) {
  const std::size_t index = find(tag);
  if (index == npos) {
    return false;
  }
  taken = entries_[index];
  entries_[index].source = nullptr;
  --count_;
  drop_front_holes();
  return true;
}

bool Unacked::take_up_to(std::uint64_t tag, std::vector<UnackedDelivery>& taken) {
  const std::size_t last = find(tag);
  if (last == npos) {
    return false;
  }
  for (std::size_t index = first_; index <= last; ++index) {
    UnackedDelivery& delivery = entries_[index];
    if (delivery.source != nullptr) {
      taken.push_back(delivery);
      delivery.source = nullptr;
      --count_;
    }
  }
  drop_front_holes();
  return true;
}

void Unacked::take_all(std::vector<UnackedDelivery>& taken) {
  if (count_ != 0) {
    taken.reserve(taken.size() + count_);
    for (std::size_t index = first_; index < entries_.size(); ++index) {
      if (entries_[index].source != nullptr) {
        taken.push_back(entries_[index]);
      }
    }
  }
  entries_.clear();
  first_ = 0;
  count_ = 0;
}

const UnackedDelivery* Unacked::first_due(std::int64_t shortest_timeout_ms) const {
  const UnackedDelivery* first = nullptr;
  for (std::size_t index = first_; index < entries_.size(); ++index) {
    const UnackedDelivery& delivery = entries_[index];
    if (first != nullptr && delivery.delivered_at_ms + shortest_timeout_ms >= first->due_ms()) {
      break;  // Neither this one nor a later one can be due before.
    }
    if (delivery.source != nullptr && (first == nullptr || delivery.due_ms() < first->due_ms())) {
      first = &delivery;
    }
  }
  return first;
}

void Unacked::drop_front_holes() {
  if (count_ == 0) {
    entries_.clear();
    first_ = 0;
    if (entries_.capacity() > empty_capacity_max) {
      entries_.shrink_to_fit();
    }
    return;
  }
  while (entries_[first_].source == nullptr) {
    ++first_;
  }
  if (first_ >= entries_moved_min && first_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void Unacked::close_holes() {
  std::erase_if(entries_,
                [](const UnackedDelivery& delivery) { return delivery.source == nullptr; });
  first_ = 0;
  LEPUS_ASSERT(entries_.size() == count_, "every entry is a hole or counted");
}

}  // namespace lepus::connection
