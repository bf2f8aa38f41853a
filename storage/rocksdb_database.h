#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include "broker/base/result.h"
#include "storage/dead_rows.h"
#include "storage/options.h"
#include "storage/statistics_counters.h"

namespace lepus::storage {

/// The column families of a store. The transient instance has `messages` alone.
struct RocksdbFamilies {
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* topology = nullptr;
  rocksdb::ColumnFamilyHandle* messages = nullptr;
  rocksdb::ColumnFamilyHandle* bodies = nullptr;
  rocksdb::ColumnFamilyHandle* progress = nullptr;
  rocksdb::ColumnFamilyHandle* deleted_queues = nullptr;
};

/// What both instances share.
struct RocksdbSetup {
  const StoreOptions& options;
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<StatisticsCounters> counters;  ///< of background writes; null: not counted
};

/// An open RocksDB instance; closed when destroyed. Everything must have let go of it by then.
class RocksdbDatabase {
 public:
  /// The durable rows. Compactions are off until `start_compactions`. The error is one line for the
  /// operator.
  [[nodiscard]] static Result<std::unique_ptr<RocksdbDatabase>> open_durable(
      const std::filesystem::path& path, const RocksdbSetup& setup,
      std::shared_ptr<const DeadRows> dead_rows);

  /// The transient rows, in a directory that is not there yet.
  [[nodiscard]] static Result<std::unique_ptr<RocksdbDatabase>> open_transient(
      const std::filesystem::path& path, const RocksdbSetup& setup,
      std::shared_ptr<const DeadRows> dead_rows);

  ~RocksdbDatabase();
  RocksdbDatabase(const RocksdbDatabase&) = delete;
  RocksdbDatabase& operator=(const RocksdbDatabase&) = delete;

  [[nodiscard]] rocksdb::DB& db() const { return *db_; }

  [[nodiscard]] const RocksdbFamilies& families() const { return families_; }

  /// Recovery has finished: message tables may be compacted.
  [[nodiscard]] rocksdb::Status start_compactions();

 private:
  RocksdbDatabase(rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> handles)
      : db_(db), handles_(std::move(handles)) {}

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  RocksdbFamilies families_;
};

}  // namespace lepus::storage
