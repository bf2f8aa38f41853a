#include "broker/model/delay_queue.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "broker/base/limits.h"
#include "broker/model/delay_header.h"

namespace lepus::model {

DelayQueue::DelayQueue(std::shared_ptr<QueueRecord> record, QueueHost& host,
                       std::uint32_t sequences)
    : StoredQueue(std::move(record)),
      host_(host),
      sequences_(sequences),
      steady_to_due_ms_(host.clock().wall_ms() - host.clock().steady_ms()) {}

std::int64_t DelayQueue::now_ms() const {
  return host_.clock().steady_ms() + steady_to_due_ms_;
}

// ---- publishing

PublishAnswer DelayQueue::publish(MessagePtr message, const PublisherRef& publisher) {
  if (has_ended()) {
    return PublishAnswer::taken;  // routed before the exchange went
  }
  DelayedMessages* lap = lap_with_room();
  if (lap == nullptr) {
    return PublishAnswer::refused;
  }
  const Position position = lap->push(message, now_ms() + delay_ms_of(*message));
  note_pending_row();
  host_.add_pending({this,
                     {lap->priority(), position},
                     std::move(message),
                     is_durable() ? publisher : PublisherRef{}});
  lap->shrink_to(std::max(host_.memory().window_bytes(), limits::read_chunk_bytes_min));
  count_waiting();
  schedule();
  return is_durable() ? PublishAnswer::later : PublishAnswer::taken;
}

DelayedMessages* DelayQueue::find(Priority priority) const {
  const auto found = std::ranges::find(laps_, priority, &DelayedMessages::priority);
  return found == laps_.end() ? nullptr : found->get();
}

DelayedMessages* DelayQueue::add_lap(Priority priority) {
  const auto place = std::ranges::find_if(
      laps_, [priority](const auto& other) { return other->priority() > priority; });
  return laps_
      .insert(place,
              std::make_unique<DelayedMessages>(priority, is_durable(), host_.memory(), sequences_))
      ->get();
}

/// Null if all numbers of all laps are taken, by a thousand million messages that all wait.
DelayedMessages* DelayQueue::lap_with_room() {
  if (current_ != nullptr && !current_->is_full()) [[likely]] {
    return current_;
  }
  current_ = nullptr;
  for (const auto& lap : laps_) {
    if (lap->is_full() && lap->is_empty()) {
      lap->restart_sequence();
    }
    if (!lap->is_full()) {
      return current_ = lap.get();
    }
  }
  for (unsigned priority = 0; priority <= UINT8_MAX; ++priority) {
    if (find(static_cast<Priority>(priority)) == nullptr) {
      return current_ = add_lap(static_cast<Priority>(priority));
    }
  }
  return nullptr;
}

// ---- releasing

std::optional<DelayQueue::Due> DelayQueue::take_due() {
  DelayedMessages* first = nullptr;
  Position first_position = 0;
  for (const auto& lap : laps_) {
    if (lap->front_is_on_disk()) {
      return std::nullopt;
    }
    const auto front = lap->front();
    if (front && (first == nullptr || *front < first_position)) {
      first = lap.get();
      first_position = *front;
    }
  }
  if (first == nullptr || is_full_of_taken() ||
      DelayedMessages::due_ms_of(first_position) > now_ms()) {
    return std::nullopt;
  }
  return Due{{first->priority(), first_position}, first->take_front()};
}

bool DelayQueue::is_full_of_taken() const {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const auto& lap : laps_) {
    count += lap->taken_count();
    bytes += lap->taken_bytes();
  }
  return count >= limits::delayed_on_their_way_max ||
         bytes >= limits::delayed_on_their_way_bytes_max;
}

void DelayQueue::settle(std::span<const MessagePlace> places) {
  if (has_ended()) {
    return;
  }
  for (const MessagePlace& place : places) {
    find(place.priority)->settle(place.position);
  }
  count_waiting();
  progress_changed();
  schedule();
}

void DelayQueue::schedule() {
  if (has_ended()) {
    return;
  }
  read_ahead();
  std::int64_t due_ms = INT64_MAX;
  for (const auto& lap : laps_) {
    if (const auto front = lap->front()) {
      due_ms = std::min(due_ms, DelayedMessages::due_ms_of(*front));
    } else if (lap->front_is_on_disk()) {
      return;  // rows_read() comes
    }
  }
  if (due_ms == INT64_MAX || is_full_of_taken()) {
    return;  // publish() or settle() comes
  }
  if (due_ms <= now_ms()) {
    host_.release_due(*this);
  } else {
    set_timer(due_ms - steady_to_due_ms_);
  }
}

void DelayQueue::set_timer(std::int64_t at_ms) {
  if (timer_at_ms() == 0 || at_ms < timer_at_ms()) {
    host_.set_timer(*this, at_ms);
    note_timer(at_ms);
  }
}

void DelayQueue::on_timer() {
  note_timer(0);
  had_read_fault_ = false;
  schedule();
}

std::uint64_t DelayQueue::waiting_count() const {
  std::uint64_t count = 0;
  for (const auto& lap : laps_) {
    count += lap->waiting_count() + lap->taken_count();
  }
  return count;
}

void DelayQueue::count_waiting() {
  shared_record()->delayed_count.store(waiting_count(), std::memory_order_relaxed);
}

void DelayQueue::progress_changed(bool urgent) {
  if (urgent || !is_change_known()) {
    host_.progress_changed(*this, urgent);
  }
}

// ---- the store

void DelayQueue::read_ahead() {
  if (had_read_fault_) {
    return;
  }
  const std::size_t window_bytes =
      std::max(host_.memory().window_bytes(), limits::read_chunk_bytes_min);
  for (const auto& lap : laps_) {
    const auto until_ms = lap->near_until_ms();
    const bool is_soon = until_ms && *until_ms < now_ms() + limits::delayed_read_ahead_ms;
    const auto wanted = is_soon || !until_ms ? lap->wanted_read(window_bytes) : std::nullopt;
    if (wanted) {
      // The first rows tell when to go on.
      const std::size_t chunk_bytes = is_soon ? std::min(limits::read_chunk_bytes_max, window_bytes)
                                              : limits::read_chunk_bytes_min;
      host_.start_read(*this, lap->priority(), *wanted, chunk_bytes, lap->read_started());
    }
  }
}

void DelayQueue::rows_read(Priority priority, std::uint64_t generation, std::vector<StoredRow> rows,
                           const storage::ReadOutcome& outcome) {
  if (has_ended()) {
    return;
  }
  DelayedMessages* lap = find(priority);
  LEPUS_ASSERT(lap != nullptr, "laps stay");
  if (!take_rows(*lap, generation, std::move(rows), outcome)) {
    host_.read_fault(*this, "messages that should be stored are missing");
    progress_changed(true);
  }
  if (outcome.failed) {
    constexpr std::int64_t retry_ms = 1000;
    host_.read_fault(*this, outcome.error);
    had_read_fault_ = true;
    set_timer(host_.clock().steady_ms() + retry_ms);
  }
  count_waiting();
  schedule();
}

bool DelayQueue::is_settled(MessagePlace place) const {
  const DelayedMessages* lap = find(place.priority);
  return has_ended() || lap == nullptr || lap->is_settled(place.position);
}

void DelayQueue::row_sealed(MessagePlace place, const Message& message) {
  find(place.priority)->row_sealed(place.position, message);
}

void DelayQueue::row_elided(MessagePlace place) {
  if (!has_ended()) {
    find(place.priority)->row_elided(place.position);
  }
}

void DelayQueue::row_committed(MessagePlace place, bool committed) {
  find(place.priority)->row_committed(place.position, committed);
}

storage::QueueProgress DelayQueue::make_progress() {
  storage::QueueProgress progress;
  progress.sub_queues.reserve(laps_.size());
  for (const auto& lap : laps_) {
    progress.sub_queues.push_back(lap->make_progress());
  }
  return progress;
}

bool DelayQueue::is_paged() const {
  return !is_durable() && waiting_count() > 0;
}

bool DelayQueue::note_transient_floors(storage::Batch& batch) {
  return note_floors_of(laps_, batch);
}

void DelayQueue::restore(const storage::QueueProgress& progress, bool /*clean_stop*/) {
  const std::int64_t steady_ms = host_.clock().steady_ms();
  for (const auto& stored : progress.sub_queues) {
    DelayedMessages* lap = add_lap(stored.priority);
    lap->restore(stored);
    steady_to_due_ms_ = std::max(steady_to_due_ms_, lap->first_free_ms() - steady_ms);
  }
  count_waiting();
  schedule();
}

void DelayQueue::end() {
  note_end();
  for (const auto& lap : laps_) {
    lap->clear();
  }
}

void DelayQueue::page_out() {
  for (const auto& lap : laps_) {
    lap->shrink_to(limits::read_chunk_bytes_min);
  }
}

void DelayQueue::check_invariants() const {
  for (const auto& lap : laps_) {
    lap->check_invariants();
  }
}

}  // namespace lepus::model
