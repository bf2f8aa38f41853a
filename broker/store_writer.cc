#include "broker/store_writer.h"

#include <algorithm>
#include <array>
#include <future>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/model/delayed_messages.h"
#include "storage/open_store.h"
#include "storage/progress_pages.h"

namespace lepus {

namespace {

using storage::Outcome;

/// So much is committed together.
constexpr std::size_t commit_bytes = std::size_t{4} << 20;

void add_returned(std::vector<storage::ReturnedRange>& ranges, storage::Position position,
                  std::uint32_t delivery_count) {
  if (!ranges.empty() && ranges.back().positions.end == position &&
      ranges.back().delivery_count == delivery_count) {
    ++ranges.back().positions.end;
  } else {
    ranges.push_back({{position, position + 1}, delivery_count});
  }
}

}  // namespace

Result<std::unique_ptr<StoreWriter>> StoreWriter::open(
    const std::filesystem::path& data_directory) {
  auto opened = storage::open_rocksdb_store(data_directory, {});
  if (!opened) {
    return opened.error();
  }
  std::unique_ptr<StoreWriter> writer(new StoreWriter());
  writer->store_ = std::move(*opened);
  storage::Recovered recovered = writer->store_->take_recovered();
  writer->was_new_ = recovered.topology.empty();
  writer->topology_ =
      std::make_unique<model::Topology>(*writer->store_, writer->clock_, model::TopologyOptions{});
  if (auto loaded = writer->topology_->load(recovered); !loaded) {
    return loaded.error();
  }
  writer->store_->recovery_finished(writer->topology_->orphans(recovered));
  writer->restore(std::move(recovered));
  if (auto committed = writer->commit(); !committed) {
    return committed.error();
  }
  return writer;
}

StoreWriter::~StoreWriter() = default;

void StoreWriter::restore(storage::Recovered recovered) {
  last_numbers_ = std::move(recovered.last_numbers);
  for (auto& [id, progress] : recovered.progress) {
    const auto record = topology_->find_queue(id);
    if (record == nullptr) {
      continue;
    }
    QueueState& queue = queues_[id];
    queue.log = record->partition;
    queue.progress = storage::without_pages(std::move(progress));
    for (storage::SubQueueProgress& sub_queue : queue.progress.sub_queues) {
      // The stop to come is a clean one, and must not make anybody forget that the last was not.
      if (!recovered.clean_stop && sub_queue.had_consumer &&
          sub_queue.delivered_below != sub_queue.next_position) {
        sub_queue.delivered_below = sub_queue.next_position;
        queue.changed = true;
      }
    }
  }
}

storage::SubQueueProgress& StoreWriter::sub_queue_of(QueueState& queue,
                                                     storage::Priority priority) {
  auto& sub_queues = queue.progress.sub_queues;
  auto place =
      std::ranges::lower_bound(sub_queues, priority, {}, &storage::SubQueueProgress::priority);
  if (place == sub_queues.end() || place->priority != priority) {
    place = sub_queues.insert(place, {.priority = priority});
  }
  return *place;
}

storage::Batch& StoreWriter::batch_of(storage::LogId log) {
  auto& batch = batches_[log];
  if (batch == nullptr) {
    batch = store_->new_batch();
  }
  return *batch;
}

Result<void> StoreWriter::put(const model::QueueRecord& queue, const model::MessagePtr& message,
                              bool redelivered, std::uint32_t delivery_count) {
  QueueState& state = queues_[queue.id];
  state.log = queue.partition;
  state.changed = true;
  const storage::Priority priority =
      std::min(message->traits().priority, queue.settings.max_priority);
  storage::SubQueueProgress& sub_queue = sub_queue_of(state, priority);
  const storage::Position position = sub_queue.next_position++;
  sub_queue.has_expiring |= message->traits().has_expiration;
  if (redelivered) {
    sub_queue.delivered_below = position + 1;
  }
  if (delivery_count != 0) {
    add_returned(sub_queue.returned, position, delivery_count);
  }
  return put_row(queue, sub_queue, position, message);
}

Result<void> StoreWriter::put_delayed(const model::QueueRecord& delay_queue,
                                      const model::MessagePtr& message, std::int64_t due_ms) {
  using model::DelayedMessages;
  QueueState& state = queues_[delay_queue.id];
  state.log = delay_queue.partition;
  state.changed = true;
  for (unsigned priority = 0; priority <= UINT8_MAX; ++priority) {
    storage::SubQueueProgress& lap = sub_queue_of(state, static_cast<storage::Priority>(priority));
    const std::uint32_t sequence = DelayedMessages::next_sequence_of(lap.next_position);
    if (sequence == DelayedMessages::sequences_max) {
      continue;
    }
    due_ms = std::max(due_ms, DelayedMessages::first_ms_after(
                                  lap.settled.empty() ? lap.floor : lap.settled.back().end));
    lap.next_position = DelayedMessages::next_position(
        std::max(due_ms, DelayedMessages::due_ms_of(lap.next_position) - 1), sequence + 1);
    return put_row(delay_queue, lap, DelayedMessages::position_at(due_ms, sequence), message);
  }
  return fail(delay_queue.described() + " are too many");
}

Result<void> StoreWriter::put_row(const model::QueueRecord& queue,
                                  storage::SubQueueProgress& sub_queue, storage::Position position,
                                  const model::MessagePtr& message) {
  sub_queue.stored_count += 1;
  sub_queue.stored_bytes += message->body().size();
  char header[model::Message::stored_header_bytes_max];
  const std::array<std::string_view, 3> parts{message->stored_header(header),
                                              message->stored_names(), message->body()};
  batch_of(queue.partition).put_message({queue.id, sub_queue.priority, position}, parts);
  waiting_bytes_ += message->memory_bytes();
  return waiting_bytes_ < commit_bytes ? Result<void>() : commit();
}

Result<void> StoreWriter::commit() {
  for (auto& [id, queue] : queues_) {
    if (std::exchange(queue.changed, false)) {
      batch_of(queue.log).put_progress(id, queue.progress);
      for (storage::SubQueueProgress& sub_queue : queue.progress.sub_queues) {
        sub_queue.pages.clear();  // Their deletion is in that batch.
      }
    }
  }
  std::vector<storage::NumberedBatch> batches;
  batches.reserve(batches_.size());
  for (auto& [log, batch] : batches_) {
    batches.push_back({log, ++last_numbers_[log], std::move(batch)});
  }
  batches_.clear();
  waiting_bytes_ = 0;
  // Also behind whatever the topology appended.
  std::promise<Outcome> done;
  store_->append(std::move(batches), [&done](Outcome outcome) { done.set_value(outcome); });
  if (done.get_future().get() != Outcome::committed) {
    return fail("the store can't be written");
  }
  return {};
}

Result<void> StoreWriter::close() {
  auto committed = commit();
  store_->close(committed.has_value());
  topology_.reset();
  store_.reset();
  return committed;
}

}  // namespace lepus
