#include "storage/rocksdb_batch.h"

#include <algorithm>
#include <array>
#include <string>

#include <boost/endian/conversion.hpp>

#include "broker/base/assert.h"
#include "storage/record_format.h"

namespace lepus::storage {

namespace {

rocksdb::Slice slice_of(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

void check(const rocksdb::Status& status) {
  LEPUS_ASSERT(status.ok(), "adding to a write batch fails only beyond 4 GiB");
}

/// @param prefix  what goes before the payload
void put_row(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, const MessageKey& key,
             std::string_view prefix, std::span<const std::string_view> payload) {
  constexpr std::size_t usual_parts_max = 8;
  std::array<rocksdb::Slice, usual_parts_max> usual_parts;
  std::vector<rocksdb::Slice> many_parts;
  rocksdb::Slice* parts = usual_parts.data();
  if (payload.size() + 1 > usual_parts_max) {
    many_parts.resize(payload.size() + 1);
    parts = many_parts.data();
  }
  parts[0] = slice_of(prefix);
  std::ranges::transform(payload, parts + 1, slice_of);
  const MessageKeyBytes key_bytes = encode_message_key(key);
  const rocksdb::Slice key_slice = slice_of(view_of(key_bytes));
  check(batch.Put(family, rocksdb::SliceParts(&key_slice, 1),
                  rocksdb::SliceParts(parts, static_cast<int>(payload.size() + 1))));
}

constexpr std::string_view whole_row_prefix{&whole_row, 1};

}  // namespace

void RocksdbBatch::put_message(MessageKey key, std::span<const std::string_view> payload) {
  put_row(durable_, durable_families_.messages, key, whole_row_prefix, payload);
}

void RocksdbBatch::put_body(std::span<const MessageKey> owners, std::string_view body) {
  const std::string before_body = encode_body_owners(owners);
  put_row(durable_, durable_families_.bodies, owners.front(), before_body, {&body, 1});
}

void RocksdbBatch::put_message_with_body(MessageKey key, std::span<const std::string_view> payload,
                                         MessageKey body_key, std::string_view /*body*/) {
  std::string prefix(1, row_with_shared_body);
  prefix.append(view_of(encode_message_key(body_key)));
  put_row(durable_, durable_families_.messages, key, prefix, payload);
}

void RocksdbBatch::put_transient_message(MessageKey key,
                                         std::span<const std::string_view> payload) {
  if (transient_ == nullptr) {
    transient_ = std::make_unique<rocksdb::WriteBatch>();
  }
  put_row(*transient_, transient_family_, key, whole_row_prefix, payload);
}

void RocksdbBatch::put_progress(QueueId queue, const QueueProgress& progress) {
  const NumberBytes key = encode_number(value_of(queue));
  check(
      durable_.Put(durable_families_.progress, slice_of(view_of(key)), encode_progress(progress)));
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    for (const ProgressPage& page : sub_queue.pages) {
      put_page({queue, sub_queue.priority, page.begin}, page);
    }
  }
  if (auto dead = dead_part_of(progress)) {
    dead_.emplace_back(queue, std::move(dead));
  }
}

void RocksdbBatch::put_page(const MessageKey& key, const ProgressPage& page) {
  pages_.push_back({key, page.empty()});
  const MessageKeyBytes key_bytes = encode_message_key(key);
  const rocksdb::Slice key_slice = slice_of(view_of(key_bytes));
  check(page.empty()
            ? durable_.Delete(durable_families_.progress, key_slice)
            : durable_.Put(durable_families_.progress, key_slice, encode_progress_page(page)));
}

void RocksdbBatch::erase_pages(const std::vector<MessageKey>& pages) {
  for (const MessageKey& page : pages) {
    const MessageKeyBytes key = encode_message_key(page);
    check(durable_.Delete(durable_families_.progress, slice_of(view_of(key))));
  }
}

void RocksdbBatch::note_transient_floor(QueueId queue, Priority priority, Position floor) {
  transient_floors_.push_back({queue, priority, floor});
}

void RocksdbBatch::delete_queue(QueueId queue) {
  const NumberBytes key = encode_number(value_of(queue));
  check(durable_.Delete(durable_families_.progress, slice_of(view_of(key))));
  check(durable_.Put(durable_families_.deleted_queues, slice_of(view_of(key)), {}));
  deleted_queues_.push_back(queue);
}

void RocksdbBatch::put_topology(std::string_view key, std::string_view value) {
  check(durable_.Put(durable_families_.topology, slice_of(key), slice_of(value)));
}

void RocksdbBatch::erase_topology(std::string_view key) {
  check(durable_.Delete(durable_families_.topology, slice_of(key)));
}

void RocksdbBatch::reserve_queue_ids_below(std::uint64_t id) {
  // The committer writes it: it knows whether it is above what is there.
  reserved_below_ = std::max(reserved_below_, id);
}

std::size_t RocksdbBatch::size_bytes() const {
  return durable_.GetDataSize() + (transient_ != nullptr ? transient_->GetDataSize() : 0) +
         transient_floors_.size() * sizeof(TransientFloor);
}

bool RocksdbBatch::needs_sync() const {
  return durable_.Count() != 0 || reserved_below_ != 0;
}

void RocksdbBatch::publish(DeadRows& durable_rows, DeadRows& transient_rows) const {
  for (const auto& [queue, dead] : dead_) {
    durable_rows.publish(queue, dead);
  }
  for (const TransientFloor& dead : transient_floors_) {
    transient_rows.raise_floor(dead.queue, dead.priority, dead.floor);
  }
  for (QueueId queue : deleted_queues_) {
    durable_rows.publish(queue, deleted_queue());
    transient_rows.publish(queue, deleted_queue());
  }
}

rocksdb::WriteBatch join_write_batches(std::span<const rocksdb::WriteBatch* const> batches) {
  // The bytes of a write batch are the log's: a sequence number (RocksDB fills it in), the count of
  // records, the records. Their layout is part of RocksDB's file format, and a batch can be made of
  // them. Replaying the records one by one would cost a call and a second encoding for each.
  constexpr std::size_t sequence_bytes = 8;
  constexpr std::size_t header_bytes = sequence_bytes + sizeof(std::uint32_t);
  std::size_t size = header_bytes;
  std::uint32_t count = 0;
  for (const rocksdb::WriteBatch* batch : batches) {
    size += batch->GetDataSize() - header_bytes;
    count += batch->Count();
  }
  std::string joined;
  joined.reserve(size);
  joined.resize(header_bytes, '\0');
  boost::endian::store_little_u32(reinterpret_cast<unsigned char*>(joined.data()) + sequence_bytes,
                                  count);
  for (const rocksdb::WriteBatch* batch : batches) {
    joined.append(batch->Data(), header_bytes, std::string::npos);
  }
  return rocksdb::WriteBatch(std::move(joined));
}

}  // namespace lepus::storage
