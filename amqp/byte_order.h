#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace lepus::amqp {

namespace detail {

template <typename T>
constexpr T swap_to_network_order(T value) {
  if constexpr (sizeof(T) == 1 || std::endian::native == std::endian::big) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  } else {
    static_assert(sizeof(T) == 8);
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  }
}

}  // namespace detail

/// Reads a big-endian integer from sizeof(T) octets, of any alignment.
template <typename T>
[[nodiscard]] T load_big_endian(const char* from) {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return detail::swap_to_network_order(value);
}

/// Writes a big-endian integer to sizeof(T) octets, of any alignment.
template <typename T>
void store_big_endian(char* to, T value) {
  static_assert(std::is_integral_v<T>);
  value = detail::swap_to_network_order(value);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace lepus::amqp
