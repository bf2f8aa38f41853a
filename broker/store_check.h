#pragma once

#include <filesystem>
#include <iosfwd>

namespace lepus {

/// How the tools end: 0, 1 or 2.
inline constexpr int tool_well = 0;
inline constexpr int tool_problems = 1;  ///< something is damaged, or would be lost
inline constexpr int tool_failed = 2;    ///< the tool could not do what it was asked for

/// `lepus store check`: reads all of a stopped store, changes nothing, and prints each queue, each
/// problem as one line, and a summary; as one JSON object if `as_json`. A directory that can't be
/// looked at at all is one line on `error`.
[[nodiscard]] int check_store(const std::filesystem::path& data_directory, bool as_json,
                              std::ostream& out, std::ostream& error);

}  // namespace lepus
