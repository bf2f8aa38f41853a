#pragma once

#include <cstdint>
#include <filesystem>

#include <rocksdb/status.h>

#include "broker/base/result.h"
#include "storage/log_sink.h"

namespace rocksdb {
class Env;
}

namespace lepus::storage {

/// How far a log file of RocksDB can be read.
struct LogScan {
  std::uint64_t size_bytes = 0;
  std::uint64_t intact_bytes = 0;  ///< whole records with the right checksums, one after the other
  bool record_after_damage = false;  ///< a further record begins behind what can't be read

  [[nodiscard]] bool is_intact() const { return intact_bytes == size_bytes; }

  /// What can't be read is the end: no further record was begun, so it is the last write.
  [[nodiscard]] bool has_torn_end() const { return !is_intact() && !record_after_damage; }
};

/// Reads a log file and changes nothing. Fails if the file can't be read.
[[nodiscard]] Result<LogScan> scan_rocksdb_log(rocksdb::Env& environment,
                                               const std::filesystem::path& file);

/// Prepares the logs of a store for being opened: cuts off the torn end of the last one that has a
/// whole record, as a power cut leaves it, and of those behind it. RocksDB would refuse an end with
/// a hole in it. Nothing confirmed can be there: every write is synced before the next one begins,
/// and nobody is told of it before. Any other damage is an error of one line that names the file.
/// Nothing happens where there is no log.
///
/// @param store  the directory of the database, which nobody has open
[[nodiscard]] Result<void> cut_torn_log_end(rocksdb::Env& environment,
                                            const std::filesystem::path& store, const LogSink& log);

/// Removes the logs with lower numbers, so that they stay removed after a power cut.
[[nodiscard]] rocksdb::Status remove_logs_before(rocksdb::Env& environment,
                                                 const std::filesystem::path& store,
                                                 std::uint64_t number);

}  // namespace lepus::storage
