#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_format.h"
#include "storage/rocksdb_backend.h"
#include "tests/storage/store_driver.h"
#include "tests/storage/temporary_directory.h"

namespace lepus::storage {

/// A RocksdbBackend called from the test's only thread, and a look at what it really keeps on disk.
class RocksdbFixture : public ::testing::Test {
 protected:
  RocksdbFixture() {
    options_.reclaim_interval = std::chrono::milliseconds(0);
    options_.deleted_queues_check_min = 1;
    options_.log = [this](LogLevel level, const std::string& text) {
      if (level == LogLevel::error) {
        errors_.push_back(text);
      }
    };
  }

  void open() {
    auto opened = RocksdbBackend::open(path_, options_);
    ASSERT_TRUE(opened) << opened.error().text;
    backend_ = std::move(*opened);
    recovered_ = backend_->take_recovered();
    numbers_ = recovered_.last_numbers;
  }

  void crash_and_open() {
    backend_.reset();
    open();
  }

  Outcome commit(const StoreDriver::Fill& fill) {
    std::vector<AppendUnit> units(1);
    units[0].batches.push_back({0, ++numbers_[0], backend_->new_batch()});
    fill(*units[0].batches[0].batch);
    return backend_->commit(units);
  }

  /// Durable rows begin … end - 1 of the sub-queue.
  void put_rows(QueueId queue, Priority priority, Position begin, Position end,
                std::size_t payload_bytes = 10) {
    const std::string payload(payload_bytes, 'x');
    ASSERT_EQ(commit([&](Batch& batch) {
                for (Position position = begin; position < end; ++position) {
                  put(batch, {queue, priority, position}, payload);
                }
              }),
              Outcome::committed);
  }

  void put_floor(QueueId queue, Position floor, Position next_position) {
    ASSERT_EQ(commit([&](Batch& batch) {
                batch.put_progress(queue, progress_with_floor(floor, next_position));
              }),
              Outcome::committed);
  }

  static void flush(const RocksdbDatabase& database) {
    const rocksdb::Status status = database.db().Flush({}, database.families().messages);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  /// Rewrites every table of the messages.
  static void compact(const RocksdbDatabase& database) {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const rocksdb::Status status =
        database.db().CompactRange(options, database.families().messages, nullptr, nullptr);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  /// The positions of all rows the instance still keeps, dead or alive.
  static std::vector<Position> kept(const RocksdbDatabase& database, QueueId queue,
                                    Priority priority = 0) {
    std::vector<Position> positions;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database.db().NewIterator({}, database.families().messages));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      const auto key = decode_message_key(iterator->key().ToStringView());
      if (key && key->queue == queue && key->priority == priority) {
        positions.push_back(key->position);
      }
    }
    return positions;
  }

  /// The keys' positions of all shared bodies that are still there.
  std::vector<Position> kept_bodies() const {
    std::vector<Position> positions;
    const RocksdbDatabase& database = backend_->durable();
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database.db().NewIterator({}, database.families().bodies));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      positions.push_back(decode_message_key(iterator->key().ToStringView())->position);
    }
    return positions;
  }

  static void compact_bodies(const RocksdbDatabase& database) {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const rocksdb::Status status =
        database.db().CompactRange(options, database.families().bodies, nullptr, nullptr);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  /// A body that all of them share, with their rows.
  void put_shared(std::span<const MessageKey> owners, std::string_view body) {
    ASSERT_EQ(commit([&](Batch& batch) {
                batch.put_body(owners, body);
                constexpr std::string_view payload[] = {"head "};
                for (const MessageKey& owner : owners) {
                  batch.put_message_with_body(owner, payload, owners.front(), body);
                }
              }),
              Outcome::committed);
  }

  std::vector<Position> kept(QueueId queue, Priority priority = 0) const {
    return kept(backend_->durable(), queue, priority);
  }

  /// How many ids the persistent set of deleted queues has.
  std::size_t deleted_queue_count() const {
    std::size_t count = 0;
    const RocksdbDatabase& database = backend_->durable();
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database.db().NewIterator({}, database.families().deleted_queues));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      count += 1;
    }
    return count;
  }

  std::vector<rocksdb::SstFileMetaData> tables() const {
    rocksdb::ColumnFamilyMetaData metadata;
    backend_->durable().db().GetColumnFamilyMetaData(backend_->durable().families().messages,
                                                     &metadata);
    std::vector<rocksdb::SstFileMetaData> tables;
    for (const rocksdb::LevelMetaData& level : metadata.levels) {
      tables.insert(tables.end(), level.files.begin(), level.files.end());
    }
    return tables;
  }

  TemporaryDirectory temporary_;
  std::filesystem::path path_ = temporary_.path() / "data";
  StoreOptions options_;
  std::vector<std::string> errors_;
  std::shared_ptr<RocksdbBackend> backend_;
  Recovered recovered_;
  std::map<LogId, BatchNumber> numbers_;
};

}  // namespace lepus::storage
