#pragma once

#include <filesystem>

#include "broker/base/result.h"
#include "storage/rocksdb_database.h"

namespace lepus::storage {

/// Makes a data directory of what an open instance holds: everything committed before the call, and
/// perhaps some of what is committed meanwhile. Tables become hard links where the file system can,
/// and are copied otherwise. The owner marker comes last, so that an unfinished copy is never taken
/// for a store. Fails if the path is there already. Blocks; commits and reads go on.
[[nodiscard]] Result<void> backup_database(const RocksdbDatabase& database,
                                           const std::filesystem::path& to);

}  // namespace lepus::storage
