#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "broker/model/queue.h"

// Who gets the next message, and what becomes of what was delivered.

namespace lepus::model {

std::optional<ProtocolError> Queue::check_consumer(
    const ConsumerSpecification& specification) const {
  if (record().settings.type == QueueType::quorum) {
    return std::nullopt;  // Quorum queues take the flag and do nothing with it.
  }
  const bool refused = consumers_.has_exclusive() ||
                       (specification.exclusive &&
                        (!consumers_.empty() || record().settings.single_active_consumer));
  if (refused) {
    return ProtocolError{amqp::ReplyCode::access_refused,
                         record().described() + " in exclusive use"};
  }
  return std::nullopt;
}

void Queue::start_consumer(const ConsumerSpecification& specification) {
  auto consumer = std::make_unique<Consumer>();
  consumer->specification = specification;
  if (record().settings.type == QueueType::quorum) {
    consumer->specification.exclusive = false;  // see check_consumer()
  }
  consumer->queue = this;
  consumer->window = host_.output_window(specification.channel.connection);
  consumers_.add(std::move(consumer));
  last_used_ms_ = host_.clock().steady_ms();
  note_use();
  deliver_ready();
}

void Queue::cancel_consumer(ConsumerId id) {
  if (remove_consumer(id) != nullptr && !ends_with_its_consumers()) {
    deliver_ready();  // A single active consumer may have given way to the next.
  }
}

std::unique_ptr<Consumer> Queue::remove_consumer(ConsumerId id) {
  auto consumer = consumers_.remove(id);
  if (consumer == nullptr) {
    return nullptr;
  }
  if (consumer->stalled) {
    std::erase(consumer->window->stalled, consumer.get());
  }
  if (const std::uint32_t unused = std::exchange(consumer->tokens, 0); unused > 0) {
    tokens_held_ -= unused;
    host_.return_tokens({consumer->specification.channel, id, unused});
  }
  return consumer;
}

bool Queue::ends_with_its_consumers() {
  touch();
  if (has_ended() || !consumers_.empty() || !record().auto_delete) {
    return false;
  }
  host_.queue_ended(*this);
  return true;
}

void Queue::deliver_ready() {
  if (delivering_ || has_ended()) {
    return;  // the loop below goes on with whatever has changed
  }
  if (is_first_use_uncommitted()) [[unlikely]] {
    read_ahead();
    return;  // first_use_committed() comes back here
  }
  delivering_ = true;
  while (consumers_.next() != nullptr) {
    SubQueue* from = next_sub_queue();
    if (from == nullptr) {
      break;
    }
    Consumer* consumer = next_consumer();
    if (consumer == nullptr) {
      break;
    }
    deliver_front(*from, *consumer);
  }
  read_ahead();
  delivering_ = false;
  return_unused_tokens();
  if (has_expiring_messages_) [[unlikely]] {
    schedule_timer();  // for what is first now
  }
}

bool Queue::must_wait_for_acks(const Consumer& consumer) {
  if (consumer.specification.no_ack || !host_.memory().is_full_of_unacked()) [[likely]] {
    return false;
  }
  if (!std::exchange(waits_for_acks_, true)) {
    host_.wait_for_acks(*this);
  }
  return true;
}

void Queue::resume() {
  waits_for_acks_ = false;
  deliver_ready();
}

SubQueue* Queue::next_sub_queue() {
  for (const auto& sub_queue : sub_queues_) {
    while (const ReadyMessage* front = sub_queue->front()) {
      const auto expires = expires_at_ms(*front->message);
      // A time to live of 0 is long enough for a consumer that waits, but not for a second one.
      if (!expires || host_.clock().wall_ms() + (front->redelivered ? 1 : 0) <= *expires) {
        return sub_queue.get();
      }
      if (!may_keep_another_letter()) {
        return nullptr;  // dead_lettered() comes back here
      }
      drop_front(*sub_queue, DeadLetterReason::expired);
    }
    if (sub_queue->front_is_on_disk()) {
      return nullptr;  // lower priorities wait until it has been read
    }
  }
  return nullptr;
}

Consumer* Queue::next_consumer() {
  while (Consumer* consumer = consumers_.next()) {
    if (!consumer->has_prefetch_left()) {
      consumers_.make_unready(*consumer);
    } else if (consumer->window->available_bytes <= 0) {
      consumers_.make_unready(*consumer);
      if (!consumer->stalled) {
        consumer->stalled = true;
        consumer->window->stalled.push_back(consumer);
      }
    } else if (must_wait_for_acks(*consumer)) {
      return nullptr;  // Nobody asks for tokens that can't be used.
    } else if (consumer->specification.channel_limited && consumer->tokens == 0) {
      consumers_.make_unready(*consumer);
      if (!consumer->token_requested) {
        consumer->token_requested = true;
        host_.request_token(
            {consumer->specification.channel, record().id, consumer->specification.id});
      }
    } else {
      return consumer;
    }
  }
  return nullptr;
}

void Queue::deliver_front(SubQueue& from, Consumer& consumer) {
  ReadyMessage taken = from.take_front();
  const ConsumerSpecification& specification = consumer.specification;
  consumers_.took(consumer);
  consumer.window->available_bytes -=
      static_cast<std::int64_t>(delivery_cost_bytes(*taken.message));
  if (specification.channel_limited && !specification.no_ack) {
    --consumer.tokens;
    --tokens_held_;
  }
  if (specification.no_ack) {
    ++counters_.deliver_no_ack;
    from.settle(taken.position, *taken.message);
  } else {
    ++counters_.deliver;
    ++consumer.unacked_count;
    from.mark_unacked(taken, specification.id);
  }
  counters_.redeliver += taken.redelivered ? 1 : 0;
  progress_changed();
  host_.deliver(Deliver{.channel = specification.channel,
                        .consumer = specification.id,
                        .queue = record().id,
                        .owner = record().owner,
                        .place = {from.priority(), taken.position},
                        .message = std::move(taken.message),
                        .redelivered = taken.redelivered,
                        .no_ack = specification.no_ack,
                        .delivery_count = taken.delivery_count});
}

void Queue::regain_credit(Consumer& consumer) {
  if (!consumer.stalled && !consumer.token_requested) {
    consumers_.make_ready(consumer);
  }
}

void Queue::window_opened(Consumer& consumer) {
  consumer.stalled = false;
  regain_credit(consumer);
  deliver_ready();
}

void Queue::grant_tokens(ConsumerId id, std::uint32_t count) {
  Consumer* consumer = consumers_.find(id);
  if (consumer == nullptr) {
    return;  // cancelled meanwhile; its channel has taken the tokens back by itself
  }
  consumer->token_requested = false;
  consumer->tokens += count;
  tokens_held_ += count;
  regain_credit(*consumer);
  deliver_ready();
}

/// A returned token may go to another consumer of this very queue before the call returns.
void Queue::return_unused_tokens() {
  if (tokens_held_ == 0) [[likely]] {
    return;
  }
  tokens_held_ = 0;
  std::vector<TokenReturn> returns;
  for (const auto& consumer : consumers_.all()) {
    if (const std::uint32_t unused = std::exchange(consumer->tokens, 0); unused > 0) {
      returns.push_back({consumer->specification.channel, consumer->specification.id, unused});
    }
  }
  for (TokenReturn& each : returns) {
    host_.return_tokens(std::move(each));
  }
}

void Queue::change_channel_limit(ConsumerId id, bool channel_limited) {
  if (Consumer* consumer = consumers_.find(id)) {
    consumer->specification.channel_limited = channel_limited;
    consumer->token_requested = false;
    regain_credit(*consumer);
    deliver_ready();
  }
}

// ---- settling

void Queue::settle(ConsumerId id, Settlement settlement, std::span<const MessagePlace> places) {
  if (has_ended()) {
    return;
  }
  Consumer* const consumer = consumers_.find(id);
  // No delivery between the first and the last that goes back, or they would change places.
  const bool was_delivering = delivering_;
  delivering_ |= settlement == Settlement::requeue;
  for (const MessagePlace place : places) {
    settle_one(settlement, place, id, consumer);
  }
  delivering_ = was_delivering;
  if (consumer != nullptr) {
    regain_credit(*consumer);
  }
  if (settlement == Settlement::requeue) {
    messages_came_back();
  } else {
    deliver_ready();
  }
}

void Queue::messages_came_back() {
  drop_expired();
  if (settings_->type == QueueType::classic) {
    drop_over_limit();  // Quorum queues deliver first.
  }
  deliver_ready();
  answer_gets();
  drop_over_limit();
}

void Queue::leave(std::span<const LeaveQueue::Holder> holders) {
  if (has_ended()) {
    return;
  }
  bool consumer_has_gone = false;
  const bool was_delivering = std::exchange(delivering_, true);
  for (const LeaveQueue::Holder& holder : holders) {
    Consumer* const consumer = consumers_.find(holder.consumer);
    for (const MessagePlace place : holder.places) {
      settle_one(Settlement::requeue, place, holder.consumer, consumer);
    }
    // One whose cancel the channel did not see the end of may have deliveries on their way too.
    if (holder.is_running && (consumer == nullptr || consumer->unacked_count != 0)) {
      give_back_rest_of(holder);
    }
    consumer_has_gone |= remove_consumer(holder.consumer) != nullptr;
  }
  delivering_ = was_delivering;
  if (!consumer_has_gone || !ends_with_its_consumers()) {
    messages_came_back();
  }
}

/// What was still on its way to the consumer.
void Queue::give_back_rest_of(const LeaveQueue::Holder& holder) {
  std::vector<MessagePlace> in_groups = holder.in_groups;
  std::ranges::sort(in_groups);
  for (const auto& sub_queue : sub_queues_) {
    for (const Position position : sub_queue->unacked_of(holder.consumer)) {
      if (!std::ranges::binary_search(in_groups, MessagePlace{sub_queue->priority(), position})) {
        give_back(*sub_queue, position, *sub_queue->find_unacked(position));
        progress_changed();
      }
    }
  }
}

void Queue::settle_one(Settlement settlement, MessagePlace place, ConsumerId expected,
                       Consumer* consumer) {
  SubQueue* sub_queue = find_sub_queue(place.priority);
  const UnackedMessage* unacked =
      sub_queue == nullptr ? nullptr : sub_queue->find_unacked(place.position);
  if (unacked == nullptr || unacked->consumer != expected) [[unlikely]] {
    // A group's requeue that comes behind the departure of its channel, which took all along.
    LEPUS_ASSERT(settlement == Settlement::requeue && consumer == nullptr,
                 "a channel settles each of its deliveries once");
    return;
  }
  if (consumer != nullptr) {
    --consumer->unacked_count;
  }
  progress_changed();
  switch (settlement) {
    case Settlement::ack:
      ++counters_.ack;
      sub_queue->settle_unacked(place.position);
      break;
    case Settlement::reject:
      drop_unacked(*sub_queue, place.position, DeadLetterReason::rejected);
      break;
    case Settlement::requeue:
      give_back(*sub_queue, place.position, *unacked);
      break;
  }
}

void Queue::give_back(SubQueue& sub_queue, Position position, const UnackedMessage& unacked) {
  const auto& limit = settings_->delivery_limit;
  if (limit && unacked.delivery_count >= *limit) {
    drop_unacked(sub_queue, position, DeadLetterReason::delivery_limit);
    return;
  }
  sub_queue.give_back(position);
}

// ---- basic.get

void Queue::get(GetMessage&& get) {
  touch();
  note_use();
  waiting_gets_.push_back(std::move(get));
  answer_gets();
  read_ahead();
}

void Queue::answer_gets() {
  while (!waiting_gets_.empty() && (has_ended() || !is_first_use_uncommitted())) {
    SubQueue* from = has_ended() ? nullptr : next_sub_queue();
    if (from == nullptr && !has_ended() && ready_count() > 0 && may_keep_another_letter()) {
      return;  // on disk: rows_read() comes back here
    }
    const GetMessage get = std::move(waiting_gets_.front());
    waiting_gets_.erase(waiting_gets_.begin());
    answer_get(get, from);
  }
  if (has_expiring_messages_ && !has_ended()) [[unlikely]] {
    schedule_timer();
  }
}

void Queue::answer_get(const GetMessage& get, SubQueue* from) {
  Got answer{.request = get.request, .queue = record().id};
  if (from == nullptr) {
    ++counters_.get_empty;
  } else {
    ReadyMessage taken = from->take_front();
    if (get.no_ack) {
      ++counters_.get_no_ack;
      from->settle(taken.position, *taken.message);
    } else {
      ++counters_.get;
      from->mark_unacked(taken, ConsumerId::none);
    }
    counters_.redeliver += taken.redelivered ? 1 : 0;
    progress_changed();
    answer.place = {from->priority(), taken.position};
    answer.message = std::move(taken.message);
    answer.redelivered = taken.redelivered;
    answer.no_ack = get.no_ack;
    answer.delivery_count = taken.delivery_count;
    drop_expired();  // What is at the head now and has expired isn't counted.
    answer.message_count = ready_count();
  }
  host_.got(std::move(answer));
}

}  // namespace lepus::model
