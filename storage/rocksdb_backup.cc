#include "storage/rocksdb_backup.h"

#include <limits>
#include <memory>

#include <rocksdb/utilities/checkpoint.h>

#include "storage/backup.h"
#include "storage/rocksdb_tool_options.h"

namespace lepus::storage {

Result<void> backup_database(const RocksdbDatabase& database, const std::filesystem::path& to) {
  return make_backup(to, [&](const std::filesystem::path& store) -> Result<void> {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(&database.db(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) {
      // The log goes with it instead of being flushed: it is short, and holds what was committed a
      // moment ago.
      status =
          checkpoint->CreateCheckpoint(store.string(), std::numeric_limits<std::uint64_t>::max());
    }
    return status.ok() ? Result<void>() : fail(one_line(status.ToString()));
  });
}

}  // namespace lepus::storage
