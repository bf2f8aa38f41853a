#pragma once

#include <filesystem>
#include <iosfwd>

namespace lepus {

/// `lepus store import`: adds what `export` printed to a stopped store, or to a new one.
/// Definitions that are there already stay as they are; messages go behind those that are there.
/// Returns 0, or 2 with a line that says how far it came.
[[nodiscard]] int import_store(const std::filesystem::path& data_directory, std::istream& in,
                               std::ostream& out, std::ostream& error);

}  // namespace lepus
