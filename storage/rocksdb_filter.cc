#include "storage/rocksdb_filter.h"

#include <optional>
#include <string_view>

#include "storage/record_format.h"

namespace lepus::storage {

rocksdb::CompactionFilter::Decision RocksdbFilter::FilterV2(
    int /*level*/, const rocksdb::Slice& key, ValueType value_type,
    const rocksdb::Slice& /*existing_value*/, std::string* /*new_value*/,
    std::string* skip_until) const {
  const std::optional<MessageKey> message =
      decode_message_key(std::string_view(key.data(), key.size()));
  if (!message || value_type != ValueType::kValue) {
    return Decision::kKeep;
  }
  if (!has_queue_ || queue_ != message->queue) {
    queue_ = message->queue;
    dead_ = dead_rows_.find(queue_);
    has_queue_ = true;
  }
  if (dead_ == nullptr) {
    return Decision::kKeep;
  }
  const std::optional<MessageKey> until = dead_until(*dead_, *message);
  if (!until) {
    return Decision::kKeep;
  }
  // Not kRemove: that would leave a tombstone for each row. Skipping is allowed because no key is
  // written twice.
  skip_until->assign(view_of(encode_message_key(*until)));
  return Decision::kRemoveAndSkipUntil;
}

bool RocksdbFilterFactory::ShouldFilterTableFileCreation(
    rocksdb::TableFileCreationReason reason) const {
  return reason == rocksdb::TableFileCreationReason::kFlush ||
         reason == rocksdb::TableFileCreationReason::kCompaction;
}

std::unique_ptr<rocksdb::CompactionFilter> RocksdbFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context& /*context*/) {
  return dead_rows_->dropping() ? std::make_unique<RocksdbFilter>(*dead_rows_) : nullptr;
}

}  // namespace lepus::storage
