#include "broker/connection/departure.h"

namespace lepus::connection {

model::LeaveQueue::Holder& Departure::holder(const DeliverySource& source) {
  const model::QueueId id = source.queue->id;
  const auto [found, is_new] = place_of_.try_emplace({id, source.consumer});
  Place& place = found->second;
  if (is_new) {
    const auto [queue, is_new_queue] = queue_of_.try_emplace(id, leaving_.size());
    if (is_new_queue) {
      leaving_.push_back({source.queue->owner, {.queue = id}});
    }
    auto& holders = leaving_[queue->second].queue.holders;
    place = {queue->second, holders.size()};
    holders.push_back({.consumer = source.consumer});
  }
  return leaving_[place.queue].queue.holders[place.holder];
}

}  // namespace lepus::connection
