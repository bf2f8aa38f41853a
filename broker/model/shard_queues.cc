#include "broker/model/shard_queues.h"

#include <algorithm>

#include "broker/base/assert.h"
#include "broker/base/limits.h"

namespace lepus::model {

ShardQueues::ShardQueues(const ShardEnvironment& environment, ChannelAnswers& answers,
                         ToOthers to_others)
    : environment_(environment),
      answers_(answers),
      to_others_(std::move(to_others)),
      memory_{.limit_bytes = limits::queues_bytes_max / environment.shard_count,
              .unacked_limit_bytes = limits::unacked_bytes_max / environment.shard_count,
              .progress = environment.progress},
      batches_(environment.index, *environment.store, *environment.cut_gate,
               [this](const PublisherRef& publisher, bool refused) {
                 answers_.confirm(publisher, refused);
               }) {}

ShardQueues::~ShardQueues() {
  // Rows that were never sealed (a shard that is thrown away without its last commit) name their
  // queues.
  batches_.abandon();
}

void ShardQueues::load(const storage::Recovered& recovered) {
  batches_.load(recovered);
  for (const auto& record : environment_.topology->list_queues("")) {
    if (record->owner == environment_.index) {
      make(record);
    }
  }
  for (const auto& record : environment_.topology->list_delay_queues()) {
    if (record->owner == environment_.index) {
      make_delay_queue(record);
    }
  }
  for (const auto& [id, progress] : recovered.progress) {
    if (StoredQueue* queue = find_made(id)) {
      queue->restore(progress, recovered.clean_stop);
    }
  }
}

Queue& ShardQueues::make(std::shared_ptr<QueueRecord> record) {
  LEPUS_ASSERT(record->owner == environment_.index, "a queue lives on its owner's shard");
  const QueueId id = record->id;
  auto [place, added] = queues_.emplace(id, std::make_unique<Queue>(std::move(record), *this));
  LEPUS_ASSERT(added, "one queue per id");
  Queue& queue = *place->second;
  queue.change_settings(environment_.topology->settings_of(queue.shared_record()));
  return queue;
}

Queue* ShardQueues::find(QueueId id) {
  if (auto found = queues_.find(id); found != queues_.end()) [[likely]] {
    return found->second.get();
  }
  auto record = environment_.topology->find_queue(id);
  const bool is_there = record != nullptr && !record->deleted && !record->delays;
  return is_there ? &make(std::move(record)) : nullptr;
}

Queue* ShardQueues::find(const std::shared_ptr<QueueRecord>& record) {
  if (auto found = queues_.find(record->id); found != queues_.end()) [[likely]] {
    return found->second.get();
  }
  return record->deleted ? nullptr : &make(record);
}

StoredQueue* ShardQueues::find_made(QueueId id) {
  if (const auto found = queues_.find(id); found != queues_.end()) [[likely]] {
    return found->second.get();
  }
  const auto found = delay_queues_.find(id);
  return found == delay_queues_.end() ? nullptr : found->second.get();
}

std::optional<PublishAnswer> ShardQueues::publish(QueueId id, MessagePtr message,
                                                  const PublisherRef& publisher) {
  if (const auto found = queues_.find(id); found != queues_.end()) [[likely]] {
    return found->second->publish(std::move(message), publisher);
  }
  if (const auto found = delay_queues_.find(id); found != delay_queues_.end()) {
    return found->second->record().deleted
               ? std::nullopt
               : std::optional{found->second->publish(std::move(message), publisher)};
  }
  auto record = environment_.topology->find_queue(id);
  if (record == nullptr || record->deleted) {
    return std::nullopt;
  }
  return record->delays ? make_delay_queue(std::move(record)).publish(std::move(message), publisher)
                        : make(std::move(record)).publish(std::move(message), publisher);
}

TopologyTicket ShardQueues::remove(const QueueRecord& record) {
  const TopologyTicket ticket = environment_.topology->remove_queue(record);
  if (StoredQueue* queue = find_made(record.id)) {
    batches_.forget_progress(*queue);
    timers_.erase({queue->timer_at_ms(), record.id});
    if (record.delays) {
      ended_.push_back(std::move(delay_queues_.find(record.id)->second));
      delay_queues_.erase(record.id);
    } else {
      ended_.push_back(std::move(queues_.find(record.id)->second));
      queues_.erase(record.id);
    }
    queue->end();
  }
  batches_.queue_deleted(record, clock().steady_ms());
  return ticket;
}

void ShardQueues::follow_policies() {
  const std::uint64_t version = environment_.topology->policies_version();
  if (version == policies_version_) [[likely]] {
    return;
  }
  policies_version_ = version;
  const Call call{*this};
  for (QueueWithSettings& each : environment_.topology->list_settings(environment_.index)) {
    if (auto found = queues_.find(each.queue->id); found != queues_.end()) {
      found->second->change_settings(std::move(each.settings));
    } else if (each.settings->expires_ms && !each.queue->deleted) {
      make(std::move(each.queue));  // Nobody has used it; now its time begins.
    }
  }
}

void ShardQueues::drop_ended() {
  if (ended_.empty()) [[likely]] {
    return;
  }
  std::erase_if(ended_, [](const auto& queue) { return !queue->has_unfinished_rows(); });
}

// ---- output windows

OutputWindow* ShardQueues::output_window(ConnectionId connection) {
  auto& window = windows_[connection];
  if (window == nullptr) {
    window = std::make_unique<OutputWindow>();
    window->available_bytes = limits::output_window_bytes_max;
  }
  return window.get();
}

void ShardQueues::output_drained(ConnectionId connection, std::uint64_t bytes) {
  auto found = windows_.find(connection);
  if (found == windows_.end()) {
    return;
  }
  OutputWindow& window = *found->second;
  window.available_bytes = std::min(window.available_bytes + static_cast<std::int64_t>(bytes),
                                    limits::output_window_bytes_max);
  if (window.stalled.empty() || window.available_bytes < limits::output_window_bytes_max / 2) {
    return;
  }
  for (Consumer* consumer : std::exchange(window.stalled, {})) {
    consumer->queue->window_opened(*consumer);
  }
}

void ShardQueues::connection_gone(ConnectionId connection) {
  auto found = windows_.find(connection);
  if (found != windows_.end()) {
    LEPUS_ASSERT(found->second->stalled.empty(), "its consumers were cancelled before");
    windows_.erase(found);
  }
}

// ---- deferred work

void ShardQueues::queue_ended(Queue& queue) {
  ending_.push_back(queue.record().id);
}

void ShardQueues::run_deferred() {
  if (calls_ > 1) {
    return;
  }
  ++calls_;  // What comes from here is nested as well.
  try_kept_letters();
  while (!letters_.empty() || !ending_.empty()) [[unlikely]] {
    for (DeferredLetter& letter : std::exchange(letters_, {})) {
      if (letter.place && letter.settings->keeps_dead_letters()) {
        outbox_.add({.from = std::move(letter.from),
                     .place = *letter.place,
                     .message = std::move(letter.message),
                     .reason = letter.reason,
                     .died_at_ms = clock().wall_ms()});
      } else {
        publish_dead_letter(letter);
      }
    }
    for (const QueueId id : std::exchange(ending_, {})) {
      if (auto found = queues_.find(id); found != queues_.end()) {
        remove(found->second->record());
      }
    }
    try_kept_letters();
  }
  if (!passed_on_.parts.empty()) [[unlikely]] {
    to_others_.sequence_group(std::exchange(passed_on_, {}));
  }
  --calls_;
}

// ---- memory

void ShardQueues::wait_for_acks(Queue& queue) {
  waiting_for_acks_.push_back(queue.record().id);
}

void ShardQueues::resume_queues() {
  if (waiting_for_acks_.empty() || memory_.unacked_bytes > memory_.unacked_limit_bytes / 4 * 3)
      [[likely]] {
    return;
  }
  for (const QueueId id : std::exchange(waiting_for_acks_, {})) {
    if (auto found = queues_.find(id); found != queues_.end()) {
      const Call call{*this};
      found->second->resume();
    }
  }
}

void ShardQueues::page_out() {
  constexpr std::int64_t interval_ms = 1000;
  const std::int64_t now_ms = clock().steady_ms();
  if (memory_.used_bytes <= memory_.limit_bytes / 4 * 3 || now_ms < page_out_at_ms_) {
    return;
  }
  page_out_at_ms_ = now_ms + interval_ms;
  for (const auto& [id, queue] : queues_) {
    queue->page_out();
  }
  for (const auto& [id, queue] : delay_queues_) {
    queue->page_out();
  }
}

// ---- timers

void ShardQueues::set_timer(StoredQueue& queue, std::int64_t at_ms) {
  timers_.erase({queue.timer_at_ms(), queue.record().id});
  timers_.emplace(at_ms, queue.record().id);
}

void ShardQueues::tick() {
  const Call call{*this};
  const std::int64_t now_ms = clock().steady_ms();
  while (!timers_.empty() && timers_.begin()->first <= now_ms) {
    const QueueId id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    if (StoredQueue* queue = find_made(id)) {
      queue->on_timer();
    }
  }
  drop_delay_queues();
  page_out();
}

// ---- the store

void ShardQueues::add_pending(PendingRow&& row) {
  batches_.add(std::move(row), clock().steady_ms());
  update_congestion();
}

void ShardQueues::progress_changed(StoredQueue& queue, bool urgent) {
  batches_.progress_changed(queue, urgent, clock().steady_ms());
}

void ShardQueues::update_congestion() {
  const std::size_t bytes = batches_.bytes();
  const bool congested =
      bytes > (congested_ ? limits::pending_bytes_relieved : limits::pending_bytes_congested);
  if (congested == congested_) [[likely]] {
    return;
  }
  congested_ = congested;
  for (ShardIndex shard = 0; shard < environment_.shard_count; ++shard) {
    if (shard == environment_.index) {
      environment_.connections->owner_congested({environment_.index, congested});
    } else {
      environment_.mailboxes->send(shard, OwnerCongested{environment_.index, congested});
    }
  }
}

void ShardQueues::seal_if_due() {
  if (batches_.is_due(clock().steady_ms())) {
    seal_now();
  }
}

void ShardQueues::seal_now() {
  if (!batches_.is_committing()) {
    seal({});
  }
}

void ShardQueues::seal_group(storage::Cut cut, std::span<const PublisherRef> waiters) {
  batches_.add_waiters(waiters, clock().steady_ms());
  if (cut.number != 0) {
    seal(cut);
  }
}

void ShardQueues::seal(storage::Cut cut) {
  batches_.seal(cut, [this, post = environment_.post](storage::Outcome outcome) {
    post([this, outcome] { commit_finished(outcome); });
  });
  drop_ended();
  answers_.flush_confirms();
  update_congestion();
}

void ShardQueues::commit_finished(storage::Outcome outcome) {
  const PendingBatches::Finished finished = batches_.finished(outcome);
  for (const QueueId id : finished.first_uses) {
    if (auto found = queues_.find(id); found != queues_.end()) {
      const Call call{*this};
      found->second->first_use_committed();
    }
  }
  drop_ended();
  answers_.flush_confirms();
  update_congestion();
}

void ShardQueues::start_read(StoredQueue& queue, Priority priority,
                             storage::PositionRange positions, std::size_t bytes_max,
                             std::uint64_t generation) {
  struct Chunk {
    std::vector<StoredRow> rows;
    std::string damage;
  };

  auto chunk = std::make_shared<Chunk>();
  const QueueId id = queue.record().id;
  environment_.store->read(
      {id, priority, positions, limits::read_chunk_rows_max, bytes_max},
      [chunk](Position position, bool transient, std::string_view payload) {
        if (!chunk->damage.empty()) {
          return;  // What lies behind what can't be read waits for it.
        }
        if (auto message = Message::from_stored(payload)) {
          chunk->rows.push_back({position, transient, std::move(*message)});
        } else {
          chunk->damage = message.error().text;
        }
      },
      [this, chunk, id, priority, generation,
       post = environment_.post](storage::ReadOutcome outcome) {
        if (!chunk->damage.empty() && !outcome.failed) {
          outcome.failed = true;
          outcome.error = chunk->damage;
        }
        post([this, chunk, id, priority, generation, outcome = std::move(outcome)] {
          if (StoredQueue* queue = find_made(id)) {
            const Call call{*this};
            queue->rows_read(priority, generation, std::move(chunk->rows), outcome);
          }
        });
      });
}

// ---- to channels

void ShardQueues::deliver(Deliver&& delivery) {
  answers_.send(delivery.channel.connection, std::move(delivery));
}

void ShardQueues::request_token(TokenRequest&& request) {
  answers_.send(request.channel.connection, std::move(request));
}

void ShardQueues::return_tokens(TokenReturn&& tokens) {
  answers_.send(tokens.channel.connection, std::move(tokens));
}

void ShardQueues::consumer_cancelled(ConsumerCancelled&& notice) {
  answers_.send(notice.channel.connection, std::move(notice));
}

void ShardQueues::got(Got&& answer) {
  answers_.send(answer.request.channel.connection, std::move(answer));
}

void ShardQueues::read_fault(const StoredQueue& queue, std::string_view what) {
  if (environment_.report_fault) {
    environment_.report_fault(queue.record().described() + ": " + std::string(what));
  }
}

}  // namespace lepus::model
