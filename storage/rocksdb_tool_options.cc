#include "storage/rocksdb_tool_options.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include <rocksdb/table.h>

#include "storage/record_format.h"
#include "storage/rocksdb_partitioner.h"
#include "storage/rocksdb_table_rows.h"

namespace lepus::storage {

namespace {

/// Every family that a store has, in the order of RecordFamily; a new one is one more line.
constexpr std::array family_names{
    "default",
    topology_family_name,
    messages_family_name,
    progress_family_name,
    deleted_queues_family_name,
    bodies_family_name,
};

}  // namespace

std::string_view name_of(RecordFamily family) {
  return family_names[static_cast<std::size_t>(family)];
}

void RocksdbDamageLog::Logv(const char* /*format*/, va_list /*arguments*/) {}

void RocksdbDamageLog::Logv(const rocksdb::InfoLogLevel level, const char* format,
                            va_list arguments) {
  if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level > rocksdb::InfoLogLevel::FATAL_LEVEL) {
    return;
  }
  char text[1024];
  std::vsnprintf(text, sizeof(text), format, arguments);
  std::string line = one_line(text);
  if (line.find("dropping") != std::string::npos) {
    lines_.push_back(std::move(line));
  }
}

rocksdb::DBOptions tool_database_options(Strictness strictness,
                                         std::shared_ptr<rocksdb::Logger> log) {
  const bool strict = strictness == Strictness::as_the_broker;
  rocksdb::DBOptions options;
  options.info_log = std::move(log);
  options.max_open_files = 256;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.paranoid_checks = strict;
  options.track_and_verify_wals_in_manifest = true;
  options.wal_recovery_mode = strict ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                     : rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  return options;
}

rocksdb::ColumnFamilyOptions tool_family_options(const std::string& family) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.disable_auto_compactions = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = std::size_t{16} << 10;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (family == messages_family_name) {
    options.sst_partitioner_factory = std::make_shared<RocksdbPartitionerFactory>();
    options.table_properties_collector_factories.push_back(
        std::make_shared<RocksdbCollectorFactory<RocksdbTableRowsCollector>>());
  }
  if (family == bodies_family_name) {
    options.table_properties_collector_factories.push_back(
        std::make_shared<RocksdbCollectorFactory<RocksdbBodyOwnersCollector>>());
  }
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> tool_family_descriptors(
    std::vector<std::string> families) {
  for (const char* name : family_names) {
    if (std::ranges::find(families, name) == families.end()) {
      families.emplace_back(name);
    }
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(families.size());
  for (const std::string& name : families) {
    descriptors.emplace_back(name, tool_family_options(name));
  }
  return descriptors;
}

rocksdb::Options tool_table_options() {
  return {rocksdb::DBOptions(), tool_family_options("")};
}

std::string one_line(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace lepus::storage
