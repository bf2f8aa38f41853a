#include "storage/rocksdb_recovery.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/progress_pages.h"
#include "storage/record_format.h"
#include "storage/recovered_records.h"
#include "storage/rocksdb_iteration.h"

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
  rocksdb::ReadOptions options = iteration_options();
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

using AddRecord = std::optional<std::string> (*)(std::string_view key, std::string_view value,
                                                 Recovered& recovered);

/// Adds all records of the family; fails on the first one that can't be understood.
std::optional<Error> load_family(const RocksdbDatabase& database,
                                 rocksdb::ColumnFamilyHandle* family, const std::string& name,
                                 AddRecord add, Recovered& recovered) {
  return for_each_record(
      database, family,
      [&](const rocksdb::Slice& key, const rocksdb::Slice& value) -> std::optional<Error> {
        if (const auto fault = add(view_of(key), view_of(value), recovered)) {
          return damaged(name, key, *fault);
        }
        return std::nullopt;
      });
}

std::optional<Error> missing_pages(const Recovered& recovered) {
  for (const auto& [queue, progress] : recovered.progress) {
    if (const auto fault = page_fault(progress)) {
      const NumberBytes key = encode_number(value_of(queue));
      return damaged(progress_family_name, rocksdb::Slice(key.data(), key.size()), *fault);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> load_meta_records(const RocksdbDatabase& database, Recovered& recovered) {
  return load_family(database, database.families().meta, "meta", add_meta_record, recovered);
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
    error = load_family(database, families.progress, progress_family_name, add_progress_record,
                        all.recovered);
  }
  if (!error) {
    error = missing_pages(all.recovered);
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
