#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/table_properties.h>

#include "storage/dead_rows.h"
#include "storage/types.h"

namespace lepus::storage {

/// Rows that stand together in a table: of one sub-queue, or of neighbours that were joined.
/// `first_position` is of the first sub-queue, `last_position` of the last one.
struct TableRun {
  QueueId first_queue{};
  Priority first_priority = 0;
  QueueId last_queue{};
  Priority last_priority = 0;
  Position first_position = 0;
  Position last_position = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;

  bool operator==(const TableRun&) const = default;
};

/// The table property that carries the runs.
inline constexpr const char* table_rows_property = "lepus.rows";

/// A table notes at most so many runs; more are joined in pairs.
inline constexpr std::size_t table_runs_max = 256;

[[nodiscard]] std::string encode_table_runs(const std::vector<TableRun>& runs);

/// Empty if the bytes are no such property.
[[nodiscard]] std::vector<TableRun> decode_table_runs(std::string_view bytes);

/// About how many bytes of a run are dead: an estimate that decides what is worth a compaction,
/// never what is dropped.
[[nodiscard]] std::uint64_t estimate_dead_bytes(const TableRun& run, const DeadRows& dead_rows);

/// Notes whose rows a table gets while it is written.
class RocksdbTableRowsCollector final : public rocksdb::TablePropertiesCollector {
 public:
  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice& value,
                             rocksdb::EntryType type, rocksdb::SequenceNumber sequence,
                             std::uint64_t file_size) override;
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override;

  [[nodiscard]] rocksdb::UserCollectedProperties GetReadableProperties() const override;

  [[nodiscard]] const char* Name() const override { return table_rows_property; }

 private:
  void join_pairs();

  std::vector<TableRun> runs_;
  std::uint64_t rows_per_joined_run_ = 0;  ///< above 0, small neighbours share a run
};

/// Notes whose bodies a table of shared bodies gets: each owner has an equal share of the bytes.
class RocksdbBodyOwnersCollector final : public rocksdb::TablePropertiesCollector {
 public:
  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice& value,
                             rocksdb::EntryType type, rocksdb::SequenceNumber sequence,
                             std::uint64_t file_size) override;
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override;

  [[nodiscard]] rocksdb::UserCollectedProperties GetReadableProperties() const override;

  [[nodiscard]] const char* Name() const override { return table_rows_property; }

 private:
  void add(const MessageKey& owner, std::uint64_t bytes);

  std::map<std::pair<QueueId, Priority>, TableRun> runs_;
};

/// Makes the collectors of one family.
template <typename Collector>
class RocksdbCollectorFactory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(
      rocksdb::TablePropertiesCollectorFactory::Context /*context*/) override {
    return new Collector();  // RocksDB takes it over.
  }

  [[nodiscard]] const char* Name() const override { return table_rows_property; }
};

}  // namespace lepus::storage
