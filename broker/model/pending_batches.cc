#include "broker/model/pending_batches.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "broker/base/assert.h"
#include "broker/base/limits.h"

namespace lepus::model {

namespace {

bool may_be_shared(const Message& message) {
  return message.body().size() > limits::shared_body_bytes_min;
}

storage::MessageKey key_of(const PendingRow& row) {
  return {row.queue->record().id, row.place.priority, row.place.position};
}

}  // namespace

void PendingBatches::load(const storage::Recovered& recovered) {
  for (const auto& [log, number] : recovered.last_numbers) {
    if (log < partitions_.size()) {
      partitions_[log].last_number = number;
    }
  }
}

void PendingBatches::add(PendingRow&& row, std::int64_t now_ms) {
  const bool awaited = row.publisher.confirm_number != 0;
  pending_bytes_ += row.message->memory_bytes();
  pending_large_rows_ += may_be_shared(*row.message) ? 1 : 0;
  const bool large = pending_bytes_ >= limits::pending_bytes_sealed_at_once;
  wants_commit_by(awaited || large ? now_ms : now_ms + limits::row_wait_ms_max);
  partitions_[row.queue->record().partition].rows.push_back(std::move(row));
}

void PendingBatches::progress_changed(StoredQueue& queue, bool urgent, std::int64_t now_ms) {
  wants_commit_by(urgent ? now_ms : now_ms + limits::progress_wait_ms_max);
  if (queue.is_durable()) {
    queue.mark_progress_changed(partitions_[queue.record().partition].changed);
  }
}

void PendingBatches::forget_progress(StoredQueue& queue) {
  Partition& partition = partitions_[queue.record().partition];
  std::erase(partition.changed, &queue);
  std::erase(partition.paging, &queue);
}

void PendingBatches::queue_deleted(const QueueRecord& queue, std::int64_t now_ms) {
  partitions_[queue.partition].deleted.push_back(queue.id);
  wants_commit_by(now_ms + limits::progress_wait_ms_max);
}

void PendingBatches::add_waiters(std::span<const PublisherRef> waiters, std::int64_t now_ms) {
  if (!waiters.empty()) {
    wants_commit_by(now_ms);
    waiters_.insert(waiters_.end(), waiters.begin(), waiters.end());
  }
}

bool PendingBatches::is_due(std::int64_t now_ms) const {
  return in_flight_.empty() && now_ms >= deadline_ms_;
}

PendingBatches::Owners PendingBatches::collect_owners() const {
  Owners owners;
  for (const Partition& partition : partitions_) {
    for (const PendingRow& row : partition.rows) {
      const Message& message = *row.message;
      if (may_be_shared(message) && row.queue->stores(message) &&
          !row.queue->is_settled(row.place)) {
        owners[&message].push_back(key_of(row));
      }
    }
  }
  return owners;
}

void PendingBatches::put_row(const PendingRow& row, storage::Batch& batch) {
  const Message& message = *row.message;
  const storage::MessageKey key = key_of(row);
  char header[Message::stored_header_bytes_max];
  const std::string_view parts[] = {message.stored_header(header), message.stored_names(),
                                    message.body()};
  if (!row.queue->stores(message)) {
    batch.put_transient_message(key, parts);
    return;
  }
  const auto owners = owners_.empty() ? owners_.end() : owners_.find(&message);
  if (owners == owners_.end() || owners->second.size() == 1) [[likely]] {
    batch.put_message(key, parts);
    return;
  }
  const storage::MessageKey& first = owners->second.front();
  if (key == first) {
    batch.put_body(owners->second, message.body());
  }
  batch.put_message_with_body(key, std::span(parts).first(2), first, message.body());
}

bool PendingBatches::seal_row(PendingRow& row, Partition& partition, storage::Batch& batch,
                              Unit& unit) {
  StoredQueue& queue = *row.queue;
  if (!queue.seal_row(row)) {
    // Settled before it was written. By a consumer, that is as safe as a commit; by a transaction
    // or by dead-lettering only once the unit is committed, which holds what took its place.
    if (row.publisher.confirm_number == 0) {
      return false;
    }
    if (unit.holds_groups || queue.may_have_passed_on()) {
      unit.waiters.push_back(row.publisher);
    } else {
      answer_(row.publisher, false);
    }
    return false;
  }
  put_row(row, batch);
  if (queue.stores(*row.message)) {
    queue.mark_progress_changed(partition.changed);
  } else {
    queue.mark_paging(partition.paging);
  }
  unit.bytes += row.message->memory_bytes();
  unit.rows.push_back(std::move(row));
  return true;
}

bool PendingBatches::note_transient_floors(Partition& partition, storage::Batch& batch) {
  bool has_moved = false;
  std::erase_if(partition.paging, [&](StoredQueue* queue) {
    has_moved |= queue->note_transient_floors(batch);
    return queue->ends_paging();
  });
  return has_moved;
}

std::unique_ptr<storage::Batch> PendingBatches::seal_partition(Partition& partition, Unit& unit) {
  if (partition.rows.empty() && partition.changed.empty() && partition.paging.empty() &&
      partition.deleted.empty()) {
    return nullptr;
  }
  auto batch = store_.new_batch();
  bool is_empty = true;
  for (PendingRow& row : partition.rows) {
    is_empty &= !seal_row(row, partition, *batch, unit);
  }
  partition.rows.clear();
  for (StoredQueue* queue : partition.changed) {
    is_empty = false;
    if (queue->is_first_use_uncommitted()) {
      unit.first_uses.push_back(queue->record().id);
    }
    batch->put_progress(queue->record().id, queue->seal_progress());
  }
  partition.changed.clear();
  for (const QueueId queue : partition.deleted) {
    is_empty = false;
    batch->delete_queue(queue);
  }
  partition.deleted.clear();
  is_empty &= !note_transient_floors(partition, *batch);
  return is_empty ? nullptr : std::move(batch);
}

void PendingBatches::seal(storage::Cut cut, std::function<void(storage::Outcome)> done) {
  LEPUS_ASSERT(in_flight_.empty() || cut.number != 0, "only for a cut a unit is not waited for");
  deadline_ms_ = INT64_MAX;
  pending_bytes_ = 0;
  const bool has_shared_bodies = std::exchange(pending_large_rows_, 0) > 1;
  Unit unit{.rows = std::exchange(spare_rows_, {}), .waiters = std::exchange(waiters_, {})};
  unit.holds_groups = cut.number != 0 || !unit.waiters.empty();
  if (has_shared_bodies) {
    owners_ = collect_owners();
  }
  std::vector<storage::NumberedBatch> batches;
  for (storage::LogId log = 0; log < partitions_.size(); ++log) {
    if (auto batch = seal_partition(partitions_[log], unit)) {
      batches.push_back({log, ++partitions_[log].last_number, std::move(batch)});
    }
  }
  owners_.clear();
  if (batches.empty() && cut.number == 0) {  // everything was settled in time
    for (const PublisherRef& publisher : unit.waiters) {
      answer_(publisher, false);
    }
    return;
  }
  if (!batches.empty()) {
    // Transactions end only when it is certain how.
    batches.front().needs_certainty = !unit.waiters.empty();
  }
  in_flight_bytes_ += unit.bytes;
  in_flight_.push_back(std::move(unit));
  gate_.append(shard_, std::move(batches), cut, std::move(done));
}

PendingBatches::Finished PendingBatches::finished(storage::Outcome outcome) {
  Unit unit = std::move(in_flight_.front());
  in_flight_.pop_front();
  in_flight_bytes_ -= unit.bytes;
  const bool committed = outcome == storage::Outcome::committed;
  for (PendingRow& row : unit.rows) {
    row.queue->row_finished(row.place, committed);
    answer_(row.publisher, !committed);
  }
  for (const PublisherRef& publisher : unit.waiters) {
    answer_(publisher, !committed);
  }
  unit.rows.clear();
  spare_rows_ = std::move(unit.rows);
  return {std::move(unit.first_uses)};
}

void PendingBatches::abandon() {
  for (Partition& partition : partitions_) {
    for (const PendingRow& row : partition.rows) {
      row.queue->row_finished(row.place, false);
    }
    partition.rows.clear();
  }
  for (const Unit& unit : std::exchange(in_flight_, {})) {
    for (const PendingRow& row : unit.rows) {
      row.queue->row_finished(row.place, false);
    }
  }
}

}  // namespace lepus::model
