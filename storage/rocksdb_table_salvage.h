#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store_inspection.h"

namespace lepus::storage {

/// What could be read of a damaged table.
struct TableSalvage {
  std::uint64_t rows = 0;                    ///< that were passed on
  std::optional<std::uint64_t> rows_before;  ///< as the table counts them; nothing: not readable
  std::string family;                        ///< which it belongs to; empty: not readable
};

/// Passes on the rows in all blocks of a table whose checksums are right. Deletions in it are not
/// seen.
TableSalvage salvage_table(const std::filesystem::path& table,
                           const StoreInspection::RecordVisitor& visitor);

/// The family that a table says it belongs to; empty if that can't be read.
[[nodiscard]] std::string family_of_table(const std::filesystem::path& table);

}  // namespace lepus::storage
