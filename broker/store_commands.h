#pragma once

#include <iosfwd>

#include "broker/store_command_line.h"

namespace lepus {

/// Does what `lepus store …` was asked for; returns the exit code. What was found goes to `out`,
/// why something is impossible as one line to `error`.
[[nodiscard]] int run_store_command(const StoreCommand& command, std::istream& in,
                                    std::ostream& out, std::ostream& error);

}  // namespace lepus
