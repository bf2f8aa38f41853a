#include "storage/memory_backend.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "broker/base/assert.h"
#include "storage/progress_pages.h"
#include "storage/read_limit.h"

namespace lepus::storage {

Recovered MemoryBackend::take_recovered() {
  std::lock_guard lock(mutex_);
  Recovered recovered;
  recovered.next_queue_id = next_queue_id_;
  recovered.last_numbers = last_numbers_;
  recovered.topology.assign(topology_.begin(), topology_.end());
  recovered.progress.assign(progress_.begin(), progress_.end());
  recovered.clean_stop = std::exchange(clean_stop_, false);
  return recovered;
}

void MemoryBackend::recovery_finished(std::span<const QueueId> orphans) {
  std::lock_guard lock(mutex_);
  recovery_finished_ = true;
  for (QueueId orphan : orphans) {
    drop_queue(orphan);
    progress_.erase(orphan);
  }
  for (const auto& [queue, progress] : progress_) {
    drop_settled(queue, progress);
  }
}

std::unique_ptr<Batch> MemoryBackend::new_batch() {
  return std::make_unique<MemoryBatch>();
}

Outcome MemoryBackend::commit(std::span<AppendUnit> units) {
  std::lock_guard lock(mutex_);
  for (const AppendUnit& unit : units) {
    for (const NumberedBatch& numbered : unit.batches) {
      apply(numbered.log, numbered.number, static_cast<const MemoryBatch&>(*numbered.batch));
    }
  }
  return Outcome::committed;
}

void MemoryBackend::apply(LogId log, BatchNumber number, const MemoryBatch& batch) {
  BatchNumber& last_number = last_numbers_[log];
  LEPUS_ASSERT(number == last_number + 1, "the batches of a log are numbered without a gap");
  last_number = number;
  apply_messages(batch);
  apply_queues(batch);
  for (const MemoryBatch::TopologyChange& change : batch.topology()) {
    if (change.value) {
      topology_[change.key] = *change.value;
    } else {
      topology_.erase(change.key);
    }
  }
  next_queue_id_ = std::max(next_queue_id_, batch.reserved_below());
}

void MemoryBackend::apply_messages(const MemoryBatch& batch) {
  for (const MemoryBatch::MessageRow& message : batch.messages()) {
    SubQueueRows& rows = rows_[{message.key.queue, message.key.priority}];
    auto& kept = message.transient ? rows.transient : rows.durable;
    // Positions rise, so the end is the place to try first.
    kept.insert_or_assign(kept.end(), message.key.position, message.payload);
  }
}

void MemoryBackend::apply_queues(const MemoryBatch& batch) {
  for (const MemoryBatch::QueueChange& change : batch.queues()) {
    if (change.progress) {
      put_progress(change.queue, *change.progress);
      drop_settled(change.queue, *change.progress);
    } else {
      progress_.erase(change.queue);
      drop_queue(change.queue);
    }
  }
  for (const MemoryBatch::TransientFloor& dead : batch.transient_floors()) {
    auto found = rows_.find({dead.queue, dead.priority});
    if (found != rows_.end()) {
      auto& rows = found->second.transient;
      rows.erase(rows.begin(), rows.lower_bound(dead.floor));
    }
  }
}

void MemoryBackend::put_progress(QueueId queue, QueueProgress progress) {
  QueueProgress& known = progress_[queue];
  for (SubQueueProgress& sub_queue : progress.sub_queues) {
    auto before =
        std::ranges::find(known.sub_queues, sub_queue.priority, &SubQueueProgress::priority);
    std::vector<ProgressPage> pages;
    if (before != known.sub_queues.end()) {
      pages = std::move(before->pages);
    }
    replace_pages(pages, std::exchange(sub_queue.pages, {}));
    LEPUS_ASSERT(pages.size() == sub_queue.page_count, "a record counts its pages");
    sub_queue.pages = std::move(pages);
  }
  known = std::move(progress);
}

void MemoryBackend::drop_settled(QueueId queue, const QueueProgress& progress) {
  if (!recovery_finished_) {
    return;
  }
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    auto found = rows_.find({queue, sub_queue.priority});
    if (found != rows_.end()) {
      // Rows settled above the floor go when the floor passes them. Transient ones have a floor of
      // their own.
      auto& rows = found->second.durable;
      rows.erase(rows.begin(), rows.lower_bound(sub_queue.floor));
    }
  }
}

void MemoryBackend::drop_queue(QueueId queue) {
  constexpr Priority priority_max = std::numeric_limits<Priority>::max();
  rows_.erase(rows_.lower_bound({queue, 0}), rows_.upper_bound({queue, priority_max}));
}

ReadOutcome MemoryBackend::read(const ReadRequest& request, const RowVisitor& visit) {
  std::vector<ChunkRow> chunk;
  ReadOutcome outcome;
  outcome.covered_below = std::max(request.positions.begin, request.positions.end);
  {
    std::lock_guard lock(mutex_);
    auto found = rows_.find({request.queue, request.priority});
    if (found != rows_.end()) {
      outcome.covered_below = take_chunk(found->second, request, chunk);
    }
  }
  for (const ChunkRow& row : chunk) {
    visit(row.position, row.transient, *row.payload);
  }
  return outcome;
}

Position MemoryBackend::take_chunk(const SubQueueRows& rows, const ReadRequest& request,
                                   std::vector<ChunkRow>& chunk) {
  const auto [begin, end] = request.positions;
  ReadLimit limit(request);
  auto durable = rows.durable.lower_bound(begin);
  auto transient = rows.transient.lower_bound(begin);
  while (durable != rows.durable.end() || transient != rows.transient.end()) {
    const bool take_transient =
        durable == rows.durable.end() ||
        (transient != rows.transient.end() && transient->first < durable->first);
    const auto row = take_transient ? transient++ : durable++;
    if (row->first >= end) {
      break;
    }
    chunk.push_back({row->first, take_transient, row->second});
    if (limit.reached_after(row->second->size())) {
      return row->first + 1;
    }
  }
  return std::max(begin, end);
}

void MemoryBackend::close(bool everything_committed) {
  std::lock_guard lock(mutex_);
  clean_stop_ = everything_committed;
}

void MemoryBackend::reopen() {
  std::lock_guard lock(mutex_);
  recovery_finished_ = false;
  for (auto sub_queue = rows_.begin(); sub_queue != rows_.end();) {
    sub_queue->second.transient.clear();
    sub_queue = sub_queue->second.durable.empty() ? rows_.erase(sub_queue) : std::next(sub_queue);
  }
}

std::size_t MemoryBackend::row_count() const {
  std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [key, rows] : rows_) {
    count += rows.durable.size() + rows.transient.size();
  }
  return count;
}

}  // namespace lepus::storage
