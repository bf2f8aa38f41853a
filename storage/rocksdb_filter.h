#pragma once

#include <memory>
#include <string>

#include <rocksdb/compaction_filter.h>

#include "storage/dead_rows.h"

namespace lepus::storage {

/// Drops dead message rows while a table is written, at flushes and at compactions. It keeps
/// whatever DeadRows does not declare dead, and keys that are no message keys. One thread uses one
/// filter.
class RocksdbFilter final : public rocksdb::CompactionFilter {
 public:
  explicit RocksdbFilter(const DeadRows& dead_rows) : dead_rows_(dead_rows) {}

  [[nodiscard]] Decision FilterV2(int level, const rocksdb::Slice& key, ValueType value_type,
                                  const rocksdb::Slice& existing_value, std::string* new_value,
                                  std::string* skip_until) const override;

  [[nodiscard]] const char* Name() const override { return "lepus.dead_rows"; }

 private:
  const DeadRows& dead_rows_;
  // What is dead of the queue whose keys are passing by. RocksDB's interface is const, its use is
  // not.
  mutable bool has_queue_ = false;
  mutable QueueId queue_{};
  mutable std::shared_ptr<const DeadQueue> dead_;
};

/// Drops shared bodies all of whose owners are dead.
class RocksdbBodyFilter final : public rocksdb::CompactionFilter {
 public:
  explicit RocksdbBodyFilter(const DeadRows& dead_rows) : dead_rows_(dead_rows) {}

  [[nodiscard]] Decision FilterV2(int level, const rocksdb::Slice& key, ValueType value_type,
                                  const rocksdb::Slice& existing_value, std::string* new_value,
                                  std::string* skip_until) const override;

  [[nodiscard]] const char* Name() const override { return "lepus.dead_bodies"; }

 private:
  const DeadRows& dead_rows_;
};

/// Makes the filters of one family of a database.
template <typename Filter>
class RocksdbFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  explicit RocksdbFilterFactory(std::shared_ptr<const DeadRows> dead_rows)
      : dead_rows_(std::move(dead_rows)) {}

  /// Not while a database replays its log in Open: nothing has been loaded then, so that nothing is
  /// known to be dead.
  [[nodiscard]] bool ShouldFilterTableFileCreation(
      rocksdb::TableFileCreationReason reason) const override {
    return reason == rocksdb::TableFileCreationReason::kFlush ||
           reason == rocksdb::TableFileCreationReason::kCompaction;
  }

  /// None before recovery has finished.
  [[nodiscard]] std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& /*context*/) override {
    return dead_rows_->dropping() ? std::make_unique<Filter>(*dead_rows_) : nullptr;
  }

  [[nodiscard]] const char* Name() const override { return "lepus.dead_rows"; }

 private:
  const std::shared_ptr<const DeadRows> dead_rows_;
};

}  // namespace lepus::storage
