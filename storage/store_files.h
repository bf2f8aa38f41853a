#pragma once

#include <filesystem>

#include "broker/base/result.h"

namespace lepus::storage {

/// Makes a copy of a closed store in a directory that is not there yet. Tables never change and
/// become hard links where the file system can; everything else is copied. All of it is synced.
[[nodiscard]] Result<void> copy_store(const std::filesystem::path& from,
                                      const std::filesystem::path& to);

/// Two directories change places, at once where the file system can, so that a power cut leaves
/// either both as they were or both changed.
[[nodiscard]] Result<void> exchange_directories(const std::filesystem::path& one,
                                                const std::filesystem::path& other);

/// Makes sure that the names in a directory survive a power cut.
[[nodiscard]] Result<void> sync_directory_names(const std::filesystem::path& directory);

}  // namespace lepus::storage
