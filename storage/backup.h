#pragma once

#include <filesystem>
#include <functional>

#include "broker/base/result.h"

namespace lepus::storage {

/// Makes a data directory at a path that is not there yet: `fill` makes the store in the directory
/// that it is given and that is not there either; then the owner marker is written and all of it
/// synced. What was begun is removed again if that fails. Errors are one line.
[[nodiscard]] Result<void> make_backup(
    const std::filesystem::path& to,
    const std::function<Result<void>(const std::filesystem::path& store)>& fill);

/// The same of the store of a stopped data directory, which must be locked meanwhile.
[[nodiscard]] Result<void> backup_stopped(const std::filesystem::path& data_directory,
                                          const std::filesystem::path& to);

}  // namespace lepus::storage
