#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lepus {

/// A number in as few bytes as it needs: seven bits a byte, the low ones first; the high bit says
/// that more follow.
inline constexpr std::size_t varint_bytes_max = 10;

/// Writes at most varint_bytes_max bytes. @return where they end.
inline char* put_varint(char* to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7U) {
    *to++ = static_cast<char>(number | 0x80U);
  }
  *to++ = static_cast<char>(number);
  return to;
}

/// Takes what put_varint() has written from the front. @return false for any other bytes.
inline bool take_varint(std::string_view& from, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto next = static_cast<std::uint8_t>(from.front());
    const std::uint64_t bits = next & 0x7fU;
    from.remove_prefix(1);
    if ((bits << shift) >> shift != bits || (next == 0 && shift != 0)) {
      return false;
    }
    number |= bits << shift;
    if (next < 0x80) {
      return true;
    }
  }
  return false;
}

}  // namespace lepus
