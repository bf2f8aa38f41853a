#include <cstdint>

#include <nlohmann/json.hpp>

#include "management/api/rows.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

json distribution_json(const storage::Distribution& distribution) {
  constexpr double most = 0.99;
  constexpr double half = 0.5;
  return {{"count", distribution.count},
          {"sum", distribution.sum},
          {"max", distribution.max},
          {"p50", distribution.quantile(half)},
          {"p99", distribution.quantile(most)}};
}

}  // namespace

json store_statistics_json(const storage::StoreStatistics& statistics) {
  json families = json::object();
  for (const storage::FamilyStatistics& family : statistics.families) {
    families[family.name] = {{"tables", family.tables}, {"table_bytes", family.table_bytes}};
  }
  return {{"table_bytes", statistics.table_bytes},
          {"log_bytes", statistics.log_bytes},
          {"buffer_bytes", statistics.buffer_bytes},
          {"families", std::move(families)},
          {"committed_bytes", statistics.committed_bytes},
          {"log_bytes_written", statistics.log_bytes_written},
          {"flush_bytes_written", statistics.flush_bytes_written},
          {"compaction_bytes_written", statistics.compaction_bytes_written},
          {"compaction_bytes_read", statistics.compaction_bytes_read},
          {"write_amplification", statistics.write_amplification()},
          {"commits", statistics.commits},
          {"failed_commits", statistics.failed_commits},
          {"batches", statistics.batches},
          {"records_per_commit", distribution_json(statistics.records_per_commit)},
          {"bytes_per_commit", distribution_json(statistics.bytes_per_commit)},
          {"sync_us", distribution_json(statistics.sync_us)},
          {"reads", statistics.reads},
          {"failed_reads", statistics.failed_reads},
          {"rows_read", statistics.rows_read},
          {"row_bytes_read", statistics.row_bytes_read},
          {"read_us", distribution_json(statistics.read_us)}};
}

}  // namespace lepus::management::api
