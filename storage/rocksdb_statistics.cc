#include "storage/rocksdb_statistics.h"

#include <string>

namespace lepus::storage {

void RocksdbWriteCounter::OnFlushCompleted(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& job) {
  const rocksdb::TableProperties& table = job.table_properties;
  counters_->count_flush(table.data_size + table.index_size + table.filter_size);
}

void RocksdbWriteCounter::OnCompactionCompleted(rocksdb::DB* /*db*/,
                                                const rocksdb::CompactionJobInfo& job) {
  counters_->count_compaction(job.stats.total_input_bytes, job.stats.total_output_bytes);
}

void add_disk_statistics(const RocksdbDatabase& database, bool transient,
                         StoreStatistics& statistics) {
  const RocksdbFamilies& families = database.families();
  for (rocksdb::ColumnFamilyHandle* family :
       {families.meta, families.topology, families.messages, families.progress,
        families.deleted_queues, families.bodies}) {
    if (family == nullptr) {
      continue;  // The transient rows have one family only.
    }
    rocksdb::ColumnFamilyMetaData metadata;
    database.db().GetColumnFamilyMetaData(family, &metadata);
    statistics.families.push_back(
        {transient ? "transient" : family->GetName(), metadata.file_count, metadata.size});
    statistics.table_bytes += metadata.size;
    std::uint64_t buffer_bytes = 0;
    if (database.db().GetIntProperty(family, rocksdb::DB::Properties::kCurSizeAllMemTables,
                                     &buffer_bytes)) {
      statistics.buffer_bytes += buffer_bytes;
    }
  }
  rocksdb::VectorLogPtr logs;
  if (!transient && database.db().GetSortedWalFiles(logs).ok()) {
    for (const auto& log : logs) {
      statistics.log_bytes += log->SizeFileBytes();
    }
  }
}

}  // namespace lepus::storage
