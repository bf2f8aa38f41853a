#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "storage/rocksdb_database.h"
#include "storage/types.h"

namespace lepus::storage {

/// The ids of deleted queues, until no row of theirs is left. An id may be forgotten when all
/// memtables of the time of its deletion are flushed and no table holds a row of it: nothing is
/// written for a deleted queue, rows are never overwritten and never shadowed by tombstones, so
/// that an iterator sees each one there is.
///
/// Concurrency: the committer adds and takes; the reclaimer checks.
class RocksdbDeletedQueues {
 public:
  RocksdbDeletedQueues(const RocksdbDatabase& durable, const RocksdbDatabase& transient,
                       std::size_t check_min)
      : durable_(durable), transient_(transient), check_min_(check_min), check_at_(check_min) {}

  /// Their deletion is committed.
  void add(std::span<const QueueId> queues);

  /// Looks which may be forgotten, when enough have come together. `now`: in any case. A fault
  /// leaves them all.
  [[nodiscard]] rocksdb::Status check(bool now);

  /// What check() found since the last call.
  [[nodiscard]] std::vector<QueueId> take_forgettable();

 private:
  const RocksdbDatabase& durable_;
  const RocksdbDatabase& transient_;
  const std::size_t check_min_;

  std::mutex mutex_;
  // Protected by mutex_:
  std::vector<QueueId> queues_;
  std::vector<QueueId> forgettable_;
  std::size_t check_at_;  ///< rises with those that stay, so that a check is worth its look-ups
};

}  // namespace lepus::storage
