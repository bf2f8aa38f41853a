#include "storage/rocksdb_deleted_queues.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "storage/record_format.h"
#include "storage/rocksdb_iteration.h"
#include "storage/rocksdb_table_rows.h"

namespace lepus::storage {

namespace {

/// Removes those queues from the list that still have a row in the database.
rocksdb::Status remove_queues_with_rows(const RocksdbDatabase& database,
                                        std::vector<QueueId>& queues) {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      database.db().NewIterator(iteration_options(), database.families().messages));
  std::erase_if(queues, [&](QueueId queue) {
    const MessageKeyBytes first = encode_message_key({queue, 0, 0});
    iterator->Seek(rocksdb::Slice(first.data(), first.size()));
    if (!iterator->Valid()) {
      return !iterator->status().ok();
    }
    const NumberBytes id = encode_number(value_of(queue));
    return iterator->key().starts_with(rocksdb::Slice(id.data(), id.size()));
  });
  return iterator->status();
}

/// Removes those queues from the list that may own a shared body: the tables' properties tell, and
/// where runs were joined they tell too much.
rocksdb::Status remove_queues_with_bodies(const RocksdbDatabase& durable,
                                          std::vector<QueueId>& queues) {
  rocksdb::TablePropertiesCollection tables;
  rocksdb::Status status =
      durable.db().GetPropertiesOfAllTables(durable.families().bodies, &tables);
  for (const auto& [path, table] : tables) {
    const auto& properties = table->user_collected_properties;
    const auto runs = properties.find(table_rows_property);
    if (runs == properties.end()) {
      return rocksdb::Status::Corruption("a table of bodies that does not name their owners");
    }
    for (const TableRun& run : decode_table_runs(runs->second)) {
      std::erase_if(queues, [&run](QueueId queue) {
        return run.first_queue <= queue && queue <= run.last_queue;
      });
    }
  }
  return status;
}

rocksdb::Status flush(const RocksdbDatabase& database, rocksdb::ColumnFamilyHandle* family) {
  rocksdb::FlushOptions options;
  options.wait = true;
  return database.db().Flush(options, family);
}

}  // namespace

void RocksdbDeletedQueues::add(std::span<const QueueId> queues) {
  if (queues.empty()) {
    return;
  }
  std::lock_guard lock(mutex_);
  queues_.insert(queues_.end(), queues.begin(), queues.end());
}

rocksdb::Status RocksdbDeletedQueues::check(bool now) {
  std::vector<QueueId> without_rows;
  {
    std::lock_guard lock(mutex_);
    if (queues_.empty() || (!now && queues_.size() < check_at_)) {
      return rocksdb::Status::OK();
    }
    without_rows = queues_;
  }
  std::ranges::sort(without_rows);
  for (const RocksdbDatabase* database : {&durable_, &transient_}) {
    rocksdb::Status status = flush(*database, database->families().messages);
    if (status.ok()) {
      status = remove_queues_with_rows(*database, without_rows);
    }
    if (!status.ok()) {
      return status;
    }
  }
  rocksdb::Status status = flush(durable_, durable_.families().bodies);
  if (status.ok()) {
    status = remove_queues_with_bodies(durable_, without_rows);
  }
  if (!status.ok()) {
    return status;
  }
  std::lock_guard lock(mutex_);
  std::erase_if(queues_,
                [&](QueueId queue) { return std::ranges::binary_search(without_rows, queue); });
  forgettable_.insert(forgettable_.end(), without_rows.begin(), without_rows.end());
  check_at_ = check_min_ + 2 * queues_.size();
  return rocksdb::Status::OK();
}

std::vector<QueueId> RocksdbDeletedQueues::take_forgettable() {
  std::lock_guard lock(mutex_);
  return std::exchange(forgettable_, {});
}

}  // namespace lepus::storage
