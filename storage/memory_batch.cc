#include "storage/memory_batch.h"

#include <algorithm>

namespace lepus::storage {

namespace {

/// About what a key and its framing cost on a disk.
constexpr std::size_t record_overhead_bytes = 24;

}  // namespace

void MemoryBatch::put_message(MessageKey key, std::span<const std::string_view> payload) {
  add_message(key, false, payload);
  needs_sync_ = true;
}

void MemoryBatch::put_body(std::span<const MessageKey> owners, std::string_view /*body*/) {
  bodies_.emplace_back(owners.begin(), owners.end());
}

void MemoryBatch::put_message_with_body(MessageKey key, std::span<const std::string_view> payload,
                                        MessageKey /*body_key*/, std::string_view body) {
  std::vector<std::string_view> parts(payload.begin(), payload.end());
  parts.push_back(body);
  put_message(key, parts);
}

void MemoryBatch::put_transient_message(MessageKey key, std::span<const std::string_view> payload) {
  add_message(key, true, payload);
}

void MemoryBatch::add_message(MessageKey key, bool transient,
                              std::span<const std::string_view> payload) {
  std::size_t size = 0;
  for (std::string_view part : payload) {
    size += part.size();
  }
  auto row = std::make_shared<std::string>();
  row->reserve(size);
  for (std::string_view part : payload) {
    row->append(part);
  }
  messages_.push_back({key, transient, std::move(row)});
  size_bytes_ += record_overhead_bytes + size;
}

void MemoryBatch::put_progress(QueueId queue, const QueueProgress& progress) {
  queues_.push_back({queue, progress});
  size_bytes_ += record_overhead_bytes + progress.sub_queues.size() * sizeof(SubQueueProgress);
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    size_bytes_ += (sub_queue.settled.size() + sub_queue.returned.size()) * sizeof(PositionRange);
    for (const ProgressPage& page : sub_queue.pages) {
      size_bytes_ += record_overhead_bytes +
                     (page.settled.size() + page.returned.size()) * sizeof(PositionRange);
    }
  }
  needs_sync_ = true;
}

void MemoryBatch::note_transient_floor(QueueId queue, Priority priority, Position floor) {
  transient_floors_.push_back({queue, priority, floor});
  size_bytes_ += sizeof(TransientFloor);
}

void MemoryBatch::delete_queue(QueueId queue) {
  queues_.push_back({queue, std::nullopt});
  size_bytes_ += 2 * record_overhead_bytes;
  needs_sync_ = true;
}

void MemoryBatch::put_topology(std::string_view key, std::string_view value) {
  topology_.push_back({std::string(key), std::string(value)});
  size_bytes_ += record_overhead_bytes + key.size() + value.size();
  needs_sync_ = true;
}

void MemoryBatch::erase_topology(std::string_view key) {
  topology_.push_back({std::string(key), std::nullopt});
  size_bytes_ += record_overhead_bytes + key.size();
  needs_sync_ = true;
}

void MemoryBatch::reserve_queue_ids_below(std::uint64_t id) {
  reserved_below_ = std::max(reserved_below_, id);
  size_bytes_ += record_overhead_bytes;
  needs_sync_ = true;
}

}  // namespace lepus::storage
