// What operators want of a running store: figures and copies.

#include "storage/rocksdb_backend.h"
#include "storage/rocksdb_backup.h"
#include "storage/rocksdb_read.h"
#include "storage/rocksdb_statistics.h"

namespace lepus::storage {

ReadOutcome RocksdbBackend::read_counted(const ReadRequest& request, const RowVisitor& visit) {
  const auto begin = StatisticsCounters::Clock::now();
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  ReadOutcome outcome = read_rows(*durable_, *transient_, *durable_dead_, request,
                                  [&](Position position, bool transient, std::string_view payload) {
                                    rows += 1;
                                    bytes += payload.size();
                                    visit(position, transient, payload);
                                  });
  counters_->count_read(rows, bytes, outcome.failed, StatisticsCounters::Clock::now() - begin);
  return outcome;
}

StoreStatistics RocksdbBackend::statistics() const {
  StoreStatistics statistics = counters_->get();
  const ReadGate::Pass pass(read_gate_);
  if (durable_->is_open()) {
    add_disk_statistics(*durable_, false, statistics);
  }
  add_disk_statistics(*transient_, true, statistics);
  return statistics;
}

Result<void> RocksdbBackend::backup(const std::filesystem::path& to) {
  const ReadGate::Pass pass(read_gate_);
  return durable_->is_open() ? backup_database(*durable_, to) : fail("the store is not open");
}

}  // namespace lepus::storage
