#include "storage/rocksdb_filter.h"

#include <algorithm>
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

namespace {

bool is_dead(const MessageKey& owner, const DeadRows& dead_rows) {
  const std::shared_ptr<const DeadQueue> dead = dead_rows.find(owner.queue);
  return dead != nullptr && dead_until(*dead, owner).has_value();
}

}  // namespace

rocksdb::CompactionFilter::Decision RocksdbBodyFilter::FilterV2(
    int /*level*/, const rocksdb::Slice& key, ValueType value_type,
    const rocksdb::Slice& existing_value, std::string* /*new_value*/,
    std::string* skip_until) const {
  const std::optional<MessageKey> first =
      decode_message_key(std::string_view(key.data(), key.size()));
  if (!first || value_type != ValueType::kValue || !is_dead(*first, dead_rows_)) {
    return Decision::kKeep;
  }
  const std::optional<BodyValue> value =
      decode_body_value(std::string_view(existing_value.data(), existing_value.size()));
  if (!value || !std::ranges::all_of(value->other_owners, [this](const MessageKey& owner) {
        return is_dead(owner, dead_rows_);
      })) {
    return Decision::kKeep;
  }
  const MessageKey next{first->queue, first->priority, first->position + 1};
  skip_until->assign(view_of(encode_message_key(next)));
  return Decision::kRemoveAndSkipUntil;
}

}  // namespace lepus::storage
