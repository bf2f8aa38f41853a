#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

#include <boost/unordered/unordered_flat_map.hpp>

namespace lepus::model {

/// Hashes names however they are held, so that look-ups by std::string_view make no string.
struct StringHash {
  using is_transparent = void;
  using is_avalanching = void;

  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

/// Values by name; they move when the map grows.
template <typename T>
using StringMap = boost::unordered_flat_map<std::string, T, StringHash, std::equal_to<>>;

}  // namespace lepus::model
