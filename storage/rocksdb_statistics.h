#pragma once

#include <memory>
#include <utility>

#include <rocksdb/listener.h>

#include "storage/rocksdb_database.h"
#include "storage/statistics_counters.h"

namespace lepus::storage {

/// Counts what RocksDB writes in the background.
class RocksdbWriteCounter final : public rocksdb::EventListener {
 public:
  explicit RocksdbWriteCounter(std::shared_ptr<StatisticsCounters> counters)
      : counters_(std::move(counters)) {}

  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& job) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;

 private:
  const std::shared_ptr<StatisticsCounters> counters_;
};

/// Fills in what an instance has on the disk and in its buffers now.
/// @param transient  its families count as one, of the name "transient"
void add_disk_statistics(const RocksdbDatabase& database, bool transient,
                         StoreStatistics& statistics);

}  // namespace lepus::storage
