#include "storage/rocksdb_table_check.h"

#include <system_error>

#include <rocksdb/sst_file_reader.h>

#include "storage/rocksdb_tool_options.h"

namespace lepus::storage {

std::optional<std::string> table_fault(const std::filesystem::path& store,
                                       const rocksdb::LiveFileMetaData& table) {
  const std::string title =
      "table " + table.relative_filename + " (" + table.column_family_name + ") ";
  const std::filesystem::path path = store / table.relative_filename;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    return title + "can't be read: " + error.message();
  }
  if (size != table.size) {
    return title + "has " + std::to_string(size) + " bytes, not " + std::to_string(table.size);
  }
  rocksdb::SstFileReader reader(tool_table_options());
  rocksdb::Status status = reader.Open(path.string());
  if (status.ok()) {
    status = reader.VerifyChecksum();
  }
  if (!status.ok()) {
    return title + "is damaged: " + one_line(status.ToString());
  }
  return std::nullopt;
}

}  // namespace lepus::storage
