#include <algorithm>

#include "amqp/basic_properties.h"
#include "broker/base/limits.h"
#include "broker/model/delay_header.h"
#include "broker/model/shard_queues.h"

// What leaves a shard's queues for others by itself: the way of dead letters and of what was
// delayed. A message is settled in the same unit that publishes it, or in the same group.

namespace lepus::model {

void ShardQueues::pass_on(const PassedOn& passed, const Route& route) {
  if (needs_group(passed, route)) {
    group(passed, route);
    return;
  }
  // All in this turn, so in one unit.
  if (passed.place) {
    settle_passed_on(passed.from->id, {&*passed.place, 1});
  }
  for (const auto& target : route.queues) {
    publish(target->id, passed.message, {});
  }
}

bool ShardQueues::needs_group(const PassedOn& passed, const Route& route) const {
  const bool is_behind_another = passed.place && grouped_ > 0;
  return is_behind_another || std::ranges::any_of(route.queues, [this](const auto& target) {
           return target->owner != environment_.index;
         });
}

void ShardQueues::group(const PassedOn& passed, const Route& route) {
  for (const auto& target : route.queues) {
    passed_on_.parts[target->owner].changes.emplace_back(
        Publish{target->id, passed.message, {}, environment_.index});
  }
  if (passed.place) {
    grouped_ += 1;
    passed_on_.parts[environment_.index].changes.emplace_back(
        Settle{passed.from->id, ConsumerId::dead_lettering, Settlement::ack, {*passed.place}});
  }
}

void ShardQueues::passed_on(const Settle& settle) {
  grouped_ -= settle.places.size();
  settle_passed_on(settle.queue, settle.places);
}

void ShardQueues::settle_passed_on(QueueId from, std::span<const MessagePlace> places) {
  if (const auto found = delay_queues_.find(from); found != delay_queues_.end()) {
    found->second->settle(places);
  } else if (Queue* queue = find(from)) {
    queue->dead_lettered(places);
  }
}

// ---- delays

DelayQueue& ShardQueues::make_delay_queue(std::shared_ptr<QueueRecord> record) {
  const QueueId id = record->id;
  return *delay_queues_.emplace(id, std::make_unique<DelayQueue>(std::move(record), *this))
              .first->second;
}

/// An exchange may go with its last binding or its vhost, on any shard; what it had delayed is
/// looked for here.
void ShardQueues::drop_delay_queues() {
  constexpr std::int64_t interval_ms = 1000;
  const std::int64_t now_ms = clock().steady_ms();
  if (delay_queues_.empty() || now_ms < drop_delay_queues_at_ms_) [[likely]] {
    return;
  }
  drop_delay_queues_at_ms_ = now_ms + interval_ms;
  std::vector<std::shared_ptr<QueueRecord>> deleted;
  for (const auto& [id, queue] : delay_queues_) {
    if (queue->record().deleted) {
      deleted.push_back(queue->shared_record());
    }
  }
  for (const auto& record : deleted) {
    remove(*record);
  }
}

void ShardQueues::release_due(DelayQueue& queue) {
  if (std::ranges::find(releasing_, queue.record().id) == releasing_.end()) {
    releasing_.push_back(queue.record().id);
  }
}

void ShardQueues::release_delayed() {
  if (releasing_.empty()) [[likely]] {
    return;
  }
  const Call call{*this};
  // While too much waits for the store, the end of a commit brings the next turn.
  if (batches_.bytes() >= limits::pending_bytes_congested) {
    return;
  }
  for (const QueueId id : std::exchange(releasing_, {})) {
    if (const auto found = delay_queues_.find(id); found != delay_queues_.end()) {
      release_some(*found->second);
    }
  }
  if (!releasing_.empty() && !std::exchange(is_turn_asked_for_, true)) {
    environment_.post([this] { is_turn_asked_for_ = false; });
  }
}

void ShardQueues::release_some(DelayQueue& queue) {
  if (queue.record().deleted) {
    return;
  }
  for (std::size_t count = 0; count < limits::delayed_released_at_once &&
                              batches_.bytes() < limits::pending_bytes_congested;
       ++count) {
    const auto due = queue.take_due();
    if (!due) {
      break;
    }
    release(queue, *due);
  }
  queue.schedule();
}

void ShardQueues::release(DelayQueue& queue, const DelayQueue::Due& due) {
  const Released released = model::release(*due.message, clock().wall_ms());
  auto properties =
      amqp::decode_properties(released.message->properties()).value_or(amqp::BasicProperties{});
  properties.headers = amqp::FieldTableView{released.routing_headers};
  pass_on({queue.shared_record(), due.place, released.message},
          environment_.topology->route(queue.record().vhost, queue.record().name,
                                       released.message->routing_key(), &properties));
}

}  // namespace lepus::model
