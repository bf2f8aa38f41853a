#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <rocksdb/metadata.h>

namespace lepus::storage {

/// Reads all of a table of the store in this folder and compares the checksums. Nothing if it is
/// whole, else one line that names it: missing, of the wrong size, or damaged.
[[nodiscard]] std::optional<std::string> table_fault(const std::filesystem::path& store,
                                                     const rocksdb::LiveFileMetaData& table);

}  // namespace lepus::storage
