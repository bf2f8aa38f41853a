#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include "broker/base/assert.h"
#include "broker/base/result.h"
#include "storage/dead_rows.h"
#include "storage/options.h"
#include "storage/rocksdb_families.h"
#include "storage/statistics_counters.h"

namespace lepus::storage {

/// An error of RocksDB's for the operator. RocksDB looks for a table that is missing under a name
/// of old at last, and reports that one; here it has the name that it had.
[[nodiscard]] std::string text_of(const rocksdb::Status& status);

/// What both instances share.
struct RocksdbSetup {
  const StoreOptions& options;
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<StatisticsCounters> counters =
      nullptr;  ///< of background writes; null: not counted
  std::shared_ptr<rocksdb::EventListener> listener = nullptr;  ///< may be null
};

/// A RocksDB instance; closed when destroyed. Everything must have let go of it by then.
///
/// Concurrency: as RocksDB's, but that nobody may use it while it is opened again.
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

  /// Closes the instance, which may have failed, and opens it anew, which flushes what its log
  /// holds. If that fails, it is opened for reading alone where possible.
  [[nodiscard]] rocksdb::Status reopen();

  /// False after a failed reopen() that left nothing to read from either.
  [[nodiscard]] bool is_open() const { return db_ != nullptr; }

  [[nodiscard]] rocksdb::DB& db() const {
    LEPUS_ASSERT(db_ != nullptr, "who reads asks whether it is open");
    return *db_;
  }

  /// For reading and writing; until reopen().
  [[nodiscard]] const RocksdbFamilies& families() const { return families_; }

  /// For filling write batches, by any thread and at any time.
  [[nodiscard]] const RocksdbFamilies& batch_families() const { return batch_families_; }

  /// Recovery has finished: message tables may be compacted.
  [[nodiscard]] rocksdb::Status start_compactions();

 private:
  /// @param log  where a cut log is told of
  RocksdbDatabase(std::filesystem::path path, rocksdb::DBOptions options,
                  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors, LogSink log)
      : path_(std::move(path)),
        options_(std::move(options)),
        descriptors_(std::move(descriptors)),
        log_(std::move(log)) {}

  [[nodiscard]] Result<void> open_first();
  [[nodiscard]] rocksdb::Status open();
  [[nodiscard]] rocksdb::Status forget_old_logs();
  void open_for_reading();
  void close();

  const std::filesystem::path path_;
  const rocksdb::DBOptions options_;
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors_;
  const LogSink log_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  ///< in the order of the descriptors
  RocksdbFamilies families_;
  std::vector<std::unique_ptr<RocksdbFamilyId>> family_ids_;
  RocksdbFamilies batch_families_;
};

}  // namespace lepus::storage
