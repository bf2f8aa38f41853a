#include "storage/rocksdb_recovery.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/record_format.h"

namespace lepus::storage {

namespace {

std::string_view view_of(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Error damaged(const std::string& family, const rocksdb::Slice& key, const std::string& what) {
  return fail("the store is damaged: " + family + " record " + key.ToString(true) + ": " + what);
}

/// Calls `load(key, value)` for each record until it gives an error.
template <typename Load>
std::optional<Error> for_each_record(const RocksdbDatabase& database,
                                     rocksdb::ColumnFamilyHandle* family, const Load& load) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> iterator(database.db().NewIterator(options, family));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    if (std::optional<Error> error = load(iterator->key(), iterator->value())) {
      return error;
    }
  }
  if (!iterator->status().ok()) {
    return fail("the store can't be read: " + iterator->status().ToString());
  }
  return std::nullopt;
}

std::optional<Error> load_meta(const rocksdb::Slice& key, const rocksdb::Slice& value,
                               Recovered& recovered) {
  if (view_of(key) == clean_stop_key) {
    recovered.clean_stop = true;
    return std::nullopt;
  }
  const std::optional<std::uint64_t> number = decode_number(view_of(value));
  if (!number) {
    return damaged("meta", key, "not a number");
  }
  if (view_of(key) == next_queue_id_key) {
    recovered.next_queue_id = *number;
    return std::nullopt;
  }
  const std::optional<LogId> log = decode_last_number_key(view_of(key));
  if (!log || *log > topology_log) {
    return damaged("meta", key, "unknown");
  }
  recovered.last_numbers[*log] = *number;
  return std::nullopt;
}

std::optional<Error> load_progress(const rocksdb::Slice& key, const rocksdb::Slice& value,
                                   Recovered& recovered) {
  const std::optional<std::uint64_t> queue = decode_number(view_of(key));
  if (!queue) {
    return damaged(progress_family_name, key, "not a queue id");
  }
  Result<QueueProgress> progress = decode_progress(view_of(value));
  if (!progress) {
    return damaged(progress_family_name, key, progress.error().text);
  }
  recovered.progress.emplace_back(QueueId{*queue}, std::move(*progress));
  return std::nullopt;
}

}  // namespace

std::optional<Error> load_meta_records(const RocksdbDatabase& database, Recovered& recovered) {
  return for_each_record(
      database, database.families().meta,
      [&](const auto& key, const auto& value) { return load_meta(key, value, recovered); });
}

Result<RocksdbRecovered> load_recovered(const RocksdbDatabase& database) {
  RocksdbRecovered all;
  const RocksdbFamilies& families = database.families();
  auto error = load_meta_records(database, all.recovered);
  if (!error) {
    error = for_each_record(database, families.topology, [&](const auto& key, const auto& value) {
      all.recovered.topology.emplace_back(key.ToString(), value.ToString());
      return std::optional<Error>();
    });
  }
  if (!error) {
    error = for_each_record(database, families.progress, [&](const auto& key, const auto& value) {
      return load_progress(key, value, all.recovered);
    });
  }
  if (!error) {
    error = for_each_record(database, families.deleted_queues,
                            [&](const auto& key, const auto&) -> std::optional<Error> {
                              const auto queue = decode_number(view_of(key));
                              if (!queue) {
                                return damaged(deleted_queues_family_name, key, "not a queue id");
                              }
                              all.deleted_queues.push_back(QueueId{*queue});
                              return std::nullopt;
                            });
  }
  if (error) {
    return *error;
  }
  return all;
}

}  // namespace lepus::storage
