#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "broker/base/limits.h"
#include "broker/model/queue.h"

// What leaves a queue without being consumed, and the settings that say so: expired messages,
// messages over a length limit, and the queue itself when nobody uses it.

namespace lepus::model {

void Queue::change_settings(std::shared_ptr<const QueueSettings> settings) {
  if (has_ended() || settings == settings_) {
    return;
  }
  const bool expires_otherwise = settings->expires_ms != settings_->expires_ms;
  settings_ = std::move(settings);
  had_dead_letter_exchange_ |= settings_->dead_letter_exchange.has_value();
  if (expires_otherwise) {
    last_used_ms_ = host_.clock().steady_ms();  // A new time begins now, however long it was idle.
  }
  drop_expired();
  drop_over_limit();
  schedule_timer();
}

std::optional<std::int64_t> Queue::expires_at_ms(const Message& message) const {
  const auto& queue_ttl_ms = settings_->message_ttl_ms;
  const Message::Traits& traits = message.traits();
  if (!queue_ttl_ms && !traits.has_expiration) [[likely]] {
    return std::nullopt;
  }
  auto ttl_ms = queue_ttl_ms.value_or(INT64_MAX);
  if (traits.has_expiration) {
    ttl_ms = std::min(ttl_ms, static_cast<std::int64_t>(traits.expiration_ms));
  }
  return traits.published_ms + ttl_ms;
}

void Queue::drop_expired() {
  if (has_ended() || !may_expire()) [[likely]] {
    return;
  }
  for (const auto& sub_queue : sub_queues_) {
    while (const ReadyMessage* front = sub_queue->front()) {
      const auto expires = expires_at_ms(*front->message);
      if (!expires || host_.clock().wall_ms() < *expires || !may_keep_another_letter()) {
        break;
      }
      drop_front(*sub_queue, DeadLetterReason::expired);
    }
  }
  read_ahead();
  schedule_timer();
}

bool Queue::has_length_limit() const {
  return settings_->max_length || settings_->max_length_bytes;
}

bool Queue::drops_its_head() const {
  return settings_->overflow == QueueSettings::Overflow::drop_head;
}

bool Queue::is_over_limit(std::uint64_t count, std::uint64_t bytes) const {
  const QueueSettings& settings = *settings_;
  return (settings.max_length && count > *settings.max_length) ||
         (settings.max_length_bytes && bytes > *settings.max_length_bytes);
}

bool Queue::refuses(const Message& message) {
  if (!has_length_limit() || drops_its_head()) [[likely]] {
    return false;
  }
  // Dead letters that can't leave count as well, or the queue would grow without a limit.
  const bool counts_letters = settings_->keeps_dead_letters();
  const std::uint64_t count = ready_count() + (counts_letters ? kept_letters_ : 0);
  const std::uint64_t bytes = ready_bytes() + (counts_letters ? kept_body_bytes_ : 0);
  return is_over_limit(count + 1, bytes + message.body().size()) && !goes_straight_to_a_consumer();
}

bool Queue::goes_straight_to_a_consumer() {
  if (ready_count() != 0) {
    return false;
  }
  // A token that is granted at once stays until the message is there.
  const bool was_delivering = std::exchange(delivering_, true);
  const bool has_consumer = next_consumer() != nullptr;
  delivering_ = was_delivering;
  return has_consumer;
}

bool Queue::must_drop() const {
  return has_length_limit() && drops_its_head() && is_over_limit(ready_count(), ready_bytes());
}

void Queue::drop_over_limit() {
  if (has_ended() || !has_length_limit() || !drops_its_head()) [[likely]] {
    return;
  }
  while (is_over_limit(ready_count(), ready_bytes())) {
    auto from = std::find_if(sub_queues_.begin(), sub_queues_.end(),
                             [](const auto& sub_queue) { return sub_queue->ready_count() > 0; });
    if (from == sub_queues_.end() || (*from)->front() == nullptr) {
      break;  // on disk: rows_read() comes back here
    }
    drop_front(**from, DeadLetterReason::maxlen);
  }
  read_ahead();
}

void Queue::drop_front(SubQueue& from, DeadLetterReason reason) {
  ReadyMessage dropped = from.take_front();
  progress_changed();
  const MessagePlace place{from.priority(), dropped.position};
  if (host_.dead_letter(*this, place, dropped.message, reason)) {
    letter_kept(*dropped.message);
    from.mark_unacked(dropped, ConsumerId::dead_lettering);
  } else {
    from.settle(dropped.position, *dropped.message);
  }
}

void Queue::drop_unacked(SubQueue& sub_queue, Position position, DeadLetterReason reason) {
  const MessagePtr& message = sub_queue.find_unacked(position)->message;
  if (host_.dead_letter(*this, MessagePlace{sub_queue.priority(), position}, message, reason)) {
    letter_kept(*message);
    sub_queue.reassign_unacked(position, ConsumerId::dead_lettering);
  } else {
    sub_queue.settle_unacked(position);
  }
}

void Queue::letter_kept(const Message& message) {
  ++kept_letters_;
  kept_letters_bytes_ += message.memory_bytes();
  kept_body_bytes_ += message.body().size();
}

bool Queue::may_keep_another_letter() const {
  return !settings_->keeps_dead_letters() || kept_letters_bytes_ < limits::kept_letters_bytes_max;
}

void Queue::dead_lettered(std::span<const MessagePlace> places) {
  if (has_ended()) {
    return;
  }
  const bool could_keep_another = may_keep_another_letter();
  for (const MessagePlace place : places) {
    SubQueue* sub_queue = find_sub_queue(place.priority);
    LEPUS_ASSERT(sub_queue != nullptr, "sub-queues stay");
    const Message& message = *sub_queue->find_unacked(place.position)->message;
    --kept_letters_;
    kept_letters_bytes_ -= message.memory_bytes();
    kept_body_bytes_ -= message.body().size();
    sub_queue->settle_unacked(place.position);
  }
  progress_changed();
  if (!could_keep_another && may_keep_another_letter()) {
    drop_expired();
    deliver_ready();
    answer_gets();
  }
}

void Queue::schedule_timer() {
  std::int64_t at_ms = INT64_MAX;
  if (settings_->expires_ms && consumers_.empty()) {
    at_ms = last_used_ms_ + *settings_->expires_ms;
  }
  constexpr std::int64_t read_retry_ms = 1000;
  if (had_read_fault_) {
    at_ms = std::min(at_ms, host_.clock().steady_ms() + read_retry_ms);
  }
  if (may_expire() && may_keep_another_letter()) {
    for (const auto& sub_queue : sub_queues_) {
      const ReadyMessage* front = sub_queue->front();
      if (sub_queue->needs_reading() && !had_read_fault_) {
        at_ms = std::min(at_ms, host_.clock().steady_ms());  // after a start nothing is in memory
      }
      const auto expires = front == nullptr ? std::nullopt : expires_at_ms(*front->message);
      if (expires) {
        const std::int64_t from_now_ms = *expires - host_.clock().wall_ms();
        at_ms = std::min(at_ms, host_.clock().steady_ms() + std::max<std::int64_t>(from_now_ms, 0));
      }
    }
  }
  // A timer that fires too early only comes back here.
  if (at_ms != INT64_MAX && (timer_at_ms() == 0 || at_ms < timer_at_ms())) {
    set_timer(at_ms);
  }
}

void Queue::set_timer(std::int64_t at_ms) {
  host_.set_timer(*this, at_ms);
  note_timer(at_ms);
}

void Queue::on_timer() {
  note_timer(0);
  if (has_ended()) {
    return;
  }
  const auto& expires_ms = settings_->expires_ms;
  if (expires_ms && consumers_.empty() &&
      host_.clock().steady_ms() >= last_used_ms_ + *expires_ms) {
    host_.queue_ended(*this);
    return;
  }
  if (std::exchange(had_read_fault_, false)) {
    read_ahead();
  }
  drop_expired();
  drop_over_limit();
  schedule_timer();
}

}  // namespace lepus::model
