#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

namespace lepus::model {

/// Spreads 128 bits over 64.
inline std::uint64_t mix_bits(std::uint64_t left, std::uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

/// A hash of short texts, inline because names are hashed for every message. Not for what is kept:
/// it may change.
inline std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t first_factor = 0x9E3779B97F4A7C15;
  constexpr std::uint64_t second_factor = 0xD6E8FEB86659FD93;
  const auto load = [](const char* from, std::size_t bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, bytes);
    return value;
  };
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = seed ^ (text.size() * first_factor);
  while (left > 8) {
    hash = mix_bits(hash ^ load(at, 8), first_factor);
    at += 8;
    left -= 8;
  }
  std::uint64_t rest = 0;
  if (left == 8) {
    rest = load(at, 8);
  } else if (left >= 4) {
    rest = load(at, 4) | (load(at + left - 4, 4) << 32U);
  } else if (left > 0) {
    // First, middle and last octet, which are the same ones for fewer than three.
    rest = load(at, 1) | (load(at + left / 2, 1) << 8U) | (load(at + left - 1, 1) << 16U);
  }
  return mix_bits(hash ^ rest, second_factor);
}

/// Whether both have these octets; inline, for names of a few dozen octets.
inline bool equal_octets(const char* left, const char* right, std::size_t bytes) {
  const auto differ = [&](std::size_t at, auto word) {
    auto other = word;
    std::memcpy(&word, left + at, sizeof(word));
    std::memcpy(&other, right + at, sizeof(other));
    return word != other;
  };
  if (bytes >= 8) {
    for (std::size_t at = 0; at + 8 < bytes; at += 8) {
      if (differ(at, std::uint64_t{0})) {
        return false;
      }
    }
    return !differ(bytes - 8, std::uint64_t{0});
  }
  if (bytes >= 4) {
    return !differ(0, std::uint32_t{0}) && !differ(bytes - 4, std::uint32_t{0});
  }
  for (std::size_t at = 0; at < bytes; ++at) {
    if (left[at] != right[at]) {
      return false;
    }
  }
  return true;
}

/// Hashes names however they are held, so that look-ups by std::string_view make no string.
struct StringHash {
  using is_transparent = void;
  using is_avalanching = void;

  std::size_t operator()(std::string_view text) const noexcept { return hash_text(text, 0); }
};

/// Values by name; they move when the map grows.
template <typename T>
using StringMap = boost::unordered_flat_map<std::string, T, StringHash, std::equal_to<>>;

}  // namespace lepus::model
