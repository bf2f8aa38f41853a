#pragma once

#include <string>

namespace lepus::storage {

/// Whether a store does what it is for.
struct StoreHealth {
  /// False: publishers are to be held back and the operator is to be told.
  bool is_good = true;

  /// What is wrong and what to do about it, in one line; empty while all is well.
  std::string problem;

  bool operator==(const StoreHealth&) const = default;
};

}  // namespace lepus::storage
