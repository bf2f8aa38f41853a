#pragma once

#include <filesystem>
#include <iosfwd>

namespace lepus {

/// `lepus store repair`: makes a store of what can be read of a stopped one, beside it, puts it in
/// order and looks whether it is sound. With `accept_loss` it takes the place of the damaged one,
/// which is kept below `damaged-<time>`; otherwise it is thrown away again, and what would be lost
/// has been printed. Returns 0 if there is nothing to repair or it is repaired, 1 if something
/// would be lost, 2 if that is impossible.
[[nodiscard]] int repair_store(const std::filesystem::path& data_directory, bool accept_loss,
                               std::ostream& out, std::ostream& error);

}  // namespace lepus
