#include "broker/model/queue.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "broker/base/limits.h"

namespace lepus::model {

namespace {

Durability durability_of(const QueueRecord& record) {
  if (!record.durable) {
    return Durability::none;
  }
  return record.settings.type == QueueType::quorum ? Durability::all : Durability::persistent;
}

}  // namespace

Queue::Queue(std::shared_ptr<QueueRecord> record, QueueHost& host)
    : StoredQueue(std::move(record)),
      settings_(shared_record(), &shared_record()->settings),
      host_(host),
      consumers_(this->record().settings.single_active_consumer),
      last_used_ms_(host.clock().steady_ms()),
      had_dead_letter_exchange_(settings_->dead_letter_exchange.has_value()) {
  sub_queues_.push_back(
      std::make_unique<SubQueue>(Priority{0}, durability_of(this->record()), host_.memory()));
  schedule_timer();
}

SubQueue* Queue::find_sub_queue(Priority priority) {
  return const_cast<SubQueue*>(std::as_const(*this).find_sub_queue(priority));
}

const SubQueue* Queue::find_sub_queue(Priority priority) const {
  for (const auto& sub_queue : sub_queues_) {
    if (sub_queue->priority() == priority) {
      return sub_queue.get();
    }
  }
  return nullptr;
}

SubQueue& Queue::sub_queue(Priority priority) {
  if (SubQueue* found = find_sub_queue(priority)) {
    return *found;
  }
  auto place = std::find_if(sub_queues_.begin(), sub_queues_.end(),
                            [priority](const auto& other) { return other->priority() < priority; });
  SubQueue& added = **sub_queues_.insert(
      place, std::make_unique<SubQueue>(priority, durability_of(record()), host_.memory()));
  if (first_use_ != FirstUse::none) {
    added.note_consumer();
  }
  return added;
}

SubQueue& Queue::push_target(const Message& message) {
  const std::uint8_t max_priority = record().settings.max_priority;
  if (max_priority == 0) [[likely]] {
    return *sub_queues_.back();
  }
  return sub_queue(std::min(message.traits().priority, max_priority));
}

PublishAnswer Queue::publish(MessagePtr message, const PublisherRef& publisher) {
  if (has_ended()) {
    return PublishAnswer::taken;  // routed before the queue went
  }
  if (refuses(*message)) {
    if (settings_->overflow == QueueSettings::Overflow::reject_publish_dlx) {
      host_.dead_letter(*this, std::nullopt, std::move(message), DeadLetterReason::maxlen);
    }
    return PublishAnswer::refused;
  }
  ++counters_.publish;
  has_expiring_messages_ |= message->traits().has_expiration;
  SubQueue& target = push_target(*message);
  const auto pushed = target.push(message, host_.memory().window_bytes());
  const bool waits_for_commit = pushed.needs_row && target.stores(*message);
  if (pushed.needs_row) {
    note_pending_row();
    host_.add_pending({this,
                       {target.priority(), pushed.position},
                       std::move(message),
                       waits_for_commit ? publisher : PublisherRef{}});
  }
  deliver_ready();
  drop_expired();
  drop_over_limit();
  return waits_for_commit ? PublishAnswer::later : PublishAnswer::taken;
}

void Queue::progress_changed(bool urgent) {
  if (urgent || !is_change_known()) [[unlikely]] {
    host_.progress_changed(*this, urgent);
  }
}

std::uint64_t Queue::purge() {
  std::uint64_t purged = 0;
  for (const auto& sub_queue : sub_queues_) {
    purged += sub_queue->purge();
  }
  progress_changed(purged > 0);
  answer_gets();
  return purged;
}

void Queue::end() {
  note_end();
  for (const auto& sub_queue : sub_queues_) {
    sub_queue->purge();
  }
  answer_gets();
  while (!consumers_.empty()) {
    const ConsumerSpecification& specification = consumers_.all().front()->specification;
    host_.consumer_cancelled({specification.channel, specification.id});
    cancel_consumer(specification.id);
  }
}

void Queue::touch() {
  last_used_ms_ = host_.clock().steady_ms();
  schedule_timer();
}

// ---- the store

bool Queue::is_settled(MessagePlace place) const {
  const SubQueue* sub_queue = find_sub_queue(place.priority);
  return has_ended() || sub_queue == nullptr || sub_queue->is_settled(place.position);
}

void Queue::row_sealed(MessagePlace place, const Message& message) {
  find_sub_queue(place.priority)->row_sealed(message);
}

storage::QueueProgress Queue::make_progress() {
  storage::QueueProgress progress;
  progress.sub_queues.reserve(sub_queues_.size());
  for (auto sub_queue = sub_queues_.rbegin(); sub_queue != sub_queues_.rend(); ++sub_queue) {
    (*sub_queue)->sealed();
    progress.sub_queues.push_back((*sub_queue)->seal_progress());
    progress.sub_queues.back().has_expiring = has_expiring_messages_;
  }
  return progress;
}

bool Queue::note_transient_floors(storage::Batch& batch) {
  return note_floors_of(sub_queues_, batch);
}

bool Queue::is_paged() const {
  return std::ranges::any_of(sub_queues_,
                             [](const auto& sub_queue) { return sub_queue->is_paged(); });
}

void Queue::note_use() {
  if (first_use_ != FirstUse::none) {
    return;
  }
  bool has_stored = false;
  for (const auto& sub_queue : sub_queues_) {
    sub_queue->note_consumer();
    has_stored |= sub_queue->has_stored();
  }
  // What is stored from now on is committed with the record or after it.
  first_use_ = has_stored ? FirstUse::uncommitted : FirstUse::committed;
  if (is_durable()) {
    progress_changed(true);
  }
}

void Queue::first_use_committed() {
  first_use_ = FirstUse::committed;
  answer_gets();
  deliver_ready();
}

void Queue::row_committed(MessagePlace place, bool committed) {
  if (committed) {
    find_sub_queue(place.priority)->committed(place.position + 1);
  }
}

void Queue::read_ahead() {
  if (had_read_fault_) [[unlikely]] {
    return;
  }
  const QueueMemory& memory = host_.memory();
  const bool is_wanted = !consumers_.empty() || !waiting_gets_.empty() || must_drop();
  if (!is_wanted && !may_expire() && memory.is_scarce()) {
    return;
  }
  const std::size_t window_bytes = std::max(memory.window_bytes(), limits::read_chunk_bytes_min);
  for (const auto& sub_queue : sub_queues_) {
    if (auto wanted = sub_queue->wanted_read(window_bytes)) {
      host_.start_read(*this, sub_queue->priority(), *wanted,
                       std::min(limits::read_chunk_bytes_max, window_bytes),
                       sub_queue->read_started());
    }
  }
}

void Queue::page_out() {
  if (consumers_.empty() && waiting_gets_.empty() && !has_ended()) {
    for (const auto& sub_queue : sub_queues_) {
      sub_queue->page_out();
    }
  }
}

void Queue::rows_read(Priority priority, std::uint64_t generation, std::vector<StoredRow> rows,
                      const storage::ReadOutcome& outcome) {
  if (has_ended()) {
    return;
  }
  SubQueue* sub_queue = find_sub_queue(priority);
  LEPUS_ASSERT(sub_queue != nullptr, "sub-queues stay");
  if (!take_rows(*sub_queue, generation, std::move(rows), outcome)) {
    host_.read_fault(*this, "messages that should be stored are missing");
    progress_changed(true);
  }
  answer_gets();
  if (outcome.failed) {
    read_has_failed(outcome.error);
  }
  deliver_ready();
  drop_expired();
  drop_over_limit();
}

void Queue::restore(const storage::QueueProgress& progress, bool clean_stop) {
  bool is_outdated = false;
  for (const auto& stored : progress.sub_queues) {
    is_outdated |= sub_queue(stored.priority).restore(stored, clean_stop);
    if (stored.had_consumer) {
      first_use_ = FirstUse::committed;
    }
    has_expiring_messages_ |= stored.has_expiring;
  }
  if (is_outdated) {
    progress_changed();
  }
  schedule_timer();
  if (must_drop()) {
    // A policy came and the messages have not gone yet; nothing is in memory now.
    set_timer(host_.clock().steady_ms());
  }
}

void Queue::read_has_failed(const std::string& error) {
  host_.read_fault(*this, error);
  had_read_fault_ = true;
  // Whoever waits for the message must not hang; everything else goes on when it can be read again.
  for (GetMessage& get : std::exchange(waiting_gets_, {})) {
    host_.got({.request = get.request,
               .error = ProtocolError{amqp::ReplyCode::internal_error,
                                      record().described() + " can't be read"}});
  }
  schedule_timer();
}

// ---- for management

namespace {

template <typename Member>
auto sum(const std::vector<std::unique_ptr<SubQueue>>& sub_queues, Member member) {
  decltype(((*sub_queues.front()).*member)()) total = 0;
  for (const auto& sub_queue : sub_queues) {
    total += ((*sub_queue).*member)();
  }
  return total;
}

}  // namespace

std::uint64_t Queue::ready_count() const {
  return sum(sub_queues_, &SubQueue::ready_count);
}

std::uint64_t Queue::ready_bytes() const {
  return sum(sub_queues_, &SubQueue::ready_bytes);
}

std::uint64_t Queue::unacked_count() const {
  return sum(sub_queues_, &SubQueue::unacked_count);
}

std::uint64_t Queue::unacked_bytes() const {
  return sum(sub_queues_, &SubQueue::unacked_bytes);
}

std::size_t Queue::memory_bytes() const {
  return sum(sub_queues_, &SubQueue::memory_bytes);
}

std::uint64_t Queue::count_in_memory() const {
  return sum(sub_queues_, &SubQueue::count_in_memory);
}

void Queue::check_invariants() const {
  std::uint64_t unacked_by_consumers = 0;
  for (const auto& consumer : consumers_.all()) {
    unacked_by_consumers += consumer->unacked_count;
  }
  LEPUS_ASSERT(unacked_by_consumers <= unacked_count(), "consumers hold what is unacked");
  for (const auto& sub_queue : sub_queues_) {
    sub_queue->check_invariants();
  }
}

}  // namespace lepus::model
