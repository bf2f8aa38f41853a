#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <rocksdb/metadata.h>

#include "storage/dead_rows.h"
#include "storage/log_sink.h"
#include "storage/rocksdb_database.h"
#include "storage/rocksdb_deleted_queues.h"
#include "storage/rocksdb_table_rows.h"

namespace lepus::storage {

/// Gives the space of dead rows back. Flushes and compactions drop them when they pass by, but
/// sequential tables move down without being rewritten and then nobody looks at them again: tables
/// of which at least half is dead are rewritten here, one after the other (a wholly dead one is not
/// even read to its end).
///
/// A table of level 0 is left to RocksDB's own compaction for a while, since with traffic that
/// comes soon.
class RocksdbTableReclaimer {
 public:
  RocksdbTableReclaimer(const RocksdbDatabase& database, rocksdb::ColumnFamilyHandle* family,
                        std::shared_ptr<const DeadRows> dead_rows)
      : database_(database), family_(family), dead_rows_(std::move(dead_rows)) {}

  /// One look at all tables; rewrites what is worth it. Ends early when `stopping` turns true.
  [[nodiscard]] rocksdb::Status run(const std::atomic<bool>& stopping);

  /// The last look found what it could not rewrite just then: it is worth another one.
  [[nodiscard]] bool was_put_off() const { return was_put_off_; }

 private:
  struct Table {
    std::vector<TableRun> runs;
    int looks = 0;  ///< how often run() has seen it
    std::uint64_t dead_bytes_known =
        0;  ///< was there when it was made by a rewrite: no use in another
  };

  struct Candidate {
    std::string name;
    std::uint64_t number = 0;
    int level = 0;
  };

  [[nodiscard]] rocksdb::Status load_new_tables(const rocksdb::ColumnFamilyMetaData& metadata);
  [[nodiscard]] std::vector<Candidate> find_candidates(
      const rocksdb::ColumnFamilyMetaData& metadata);
  [[nodiscard]] rocksdb::Status rewrite(const Candidate& candidate);
  [[nodiscard]] std::uint64_t dead_bytes(const Table& table) const;

  const RocksdbDatabase& database_;
  rocksdb::ColumnFamilyHandle* const family_;
  const std::shared_ptr<const DeadRows> dead_rows_;
  std::unordered_map<std::uint64_t, Table> tables_;  ///< by file number
  bool was_put_off_ = false;
};

/// The background thread of a store: reclaims the tables of both instances and looks which deleted
/// queues can be forgotten. It runs at the lowest priority and never on the committer.
class RocksdbReclaimer {
 public:
  struct Instance {
    const RocksdbDatabase& database;
    std::shared_ptr<const DeadRows> dead_rows;
  };

  RocksdbReclaimer(Instance durable, Instance transient, RocksdbDeletedQueues& deleted_queues,
                   LogSink log);
  ~RocksdbReclaimer();
  RocksdbReclaimer(const RocksdbReclaimer&) = delete;
  RocksdbReclaimer& operator=(const RocksdbReclaimer&) = delete;

  /// Begins to look every `interval`. Recovery has finished.
  void start(std::chrono::milliseconds interval);

  /// Ends the thread; a rewrite under way is broken off.
  void stop();

  /// One round, on the caller's thread. For tests, with no thread started.
  void run_once();

 private:
  void run_thread(std::chrono::milliseconds interval);

  const Instance durable_;
  const Instance transient_;
  RocksdbTableReclaimer durable_tables_;
  RocksdbTableReclaimer body_tables_;
  RocksdbTableReclaimer transient_tables_;
  RocksdbDeletedQueues& deleted_queues_;
  const LogSink log_;

  std::mutex mutex_;
  std::condition_variable stop_wanted_;
  std::atomic<bool> stopping_ = false;  ///< written with mutex_ held
  bool first_check_ = true;             ///< ids of the last run are looked at once in any case
  std::thread thread_;
};

}  // namespace lepus::storage
