#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include "storage/store_inspection.h"

namespace lepus::storage {

/// Keeps the lines in which RocksDB says that it skipped something of a log; drops all others.
class RocksdbDamageLog final : public rocksdb::Logger {
 public:
  RocksdbDamageLog() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;

  void Logv(const char* format, va_list arguments) override;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

/// How the tools open a store: no background work, no log file of RocksDB's own, and compactions
/// that drop nothing.
/// Missing logs are found in any case: RocksDB can't be told not to look for them where it may not
/// write.
[[nodiscard]] rocksdb::DBOptions tool_database_options(Strictness strictness,
                                                       std::shared_ptr<rocksdb::Logger> log);

/// Of any family: what the tools write has the form of what the broker writes.
[[nodiscard]] rocksdb::ColumnFamilyOptions tool_family_options(const std::string& family);

/// Options for every family that is there, and for those that a store must have.
[[nodiscard]] std::vector<rocksdb::ColumnFamilyDescriptor> tool_family_descriptors(
    std::vector<std::string> families);

/// For reading one table.
[[nodiscard]] rocksdb::Options tool_table_options();

/// "LINE BREAKS and all of a status" as one line.
[[nodiscard]] std::string one_line(std::string text);

}  // namespace lepus::storage
