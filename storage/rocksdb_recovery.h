#pragma once

#include <optional>
#include <vector>

#include "broker/base/result.h"
#include "storage/rocksdb_database.h"
#include "storage/store.h"

namespace lepus::storage {

/// All that a start loads; messages are not looked at.
struct RocksdbRecovered {
  Recovered recovered;
  std::vector<QueueId> deleted_queues;
};

/// The meta records alone, added to what is recovered.
[[nodiscard]] std::optional<Error> load_meta_records(const RocksdbDatabase& database,
                                                     Recovered& recovered);

/// Fails on a record that can't be understood, naming it.
[[nodiscard]] Result<RocksdbRecovered> load_recovered(const RocksdbDatabase& database);

}  // namespace lepus::storage
