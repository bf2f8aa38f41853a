#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "storage/store_inspection.h"

namespace lepus::storage {

/// A new store with everything that could be read of a damaged one, open to be put in order. One
/// thread uses it.
class StoreSalvage : public StoreInspection {
 public:
  /// What of the files could not be read, one line each. Empty: nothing was damaged.
  [[nodiscard]] virtual const std::vector<std::string>& losses() const = 0;

  /// Records of this family may be lost, or older ones may have come back.
  [[nodiscard]] virtual bool may_have_lost(RecordFamily family) const = 0;

  [[nodiscard]] virtual Result<void> put(RecordFamily family, std::string_view key,
                                         std::string_view value) = 0;
  [[nodiscard]] virtual Result<void> erase(RecordFamily family, std::string_view key) = 0;

  /// Brings all of it to the disk. The store is closed when the object is destroyed.
  [[nodiscard]] virtual Result<void> finish() = 0;

  /// Where the new store is.
  [[nodiscard]] virtual const std::filesystem::path& directory() const = 0;
};

/// Reads what can be read of a store, which stays as it is, and makes a new one of it in an empty
/// directory. Takes little disk: whole tables become hard links.
///
/// Damaged places of logs are skipped. Of a damaged table the rows in its whole blocks are taken.
/// Where the list of the files (MANIFEST) is lost, all tables that lie there are taken.
[[nodiscard]] Result<std::unique_ptr<StoreSalvage>> salvage_store(
    const std::filesystem::path& store, const std::filesystem::path& empty_directory);

}  // namespace lepus::storage
