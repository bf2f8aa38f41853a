#pragma once

#include <filesystem>

#include "storage/data_directory.h"
#include "storage/options.h"

namespace lepus::storage {

/// Opens the directory, on the disk that the options name. The error is one line for the operator.
[[nodiscard]] Result<DataDirectory> open_directory(const std::filesystem::path& path,
                                                   const StoreOptions& options);

/// Makes sure that the names in the directory, and its own, survive a power cut. False if the disk
/// refuses.
[[nodiscard]] bool sync_directory(const DataDirectory& directory, const StoreOptions& options);

}  // namespace lepus::storage
