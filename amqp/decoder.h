#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "amqp/byte_order.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// Reads AMQP's primitives from octets, never outside them. After a failure `ok` is false for good,
/// nothing is left, and every read gives zero or an empty view; so one check at the end suffices.
/// The views it gives point into the octets it was given.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes)
      : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// Whether every read so far succeeded.
  [[nodiscard]] bool ok() const { return ok_; }

  /// Whether every read succeeded and all octets were used.
  [[nodiscard]] bool finished() const { return ok_ && position_ == end_; }

  /// Octets not yet read; 0 after a failure.
  [[nodiscard]] std::size_t remaining_bytes() const {
    return static_cast<std::size_t>(end_ - position_);
  }

  /// All octets not yet read, without reading them.
  [[nodiscard]] std::string_view remaining() const { return {position_, remaining_bytes()}; }

  /// Makes the decoder fail, as a read past the end does.
  void fail() {
    ok_ = false;
    position_ = end_;
  }

  /// A big-endian integer of T's width.
  template <typename T>
  [[nodiscard]] T read() {
    if (remaining_bytes() < sizeof(T)) [[unlikely]] {
      fail();
      return 0;
    }
    const T value = load_big_endian<T>(position_);
    position_ += sizeof(T);
    return value;
  }

  /// Exactly that many octets.
  [[nodiscard]] std::string_view read_bytes(std::size_t count) {
    if (remaining_bytes() < count) [[unlikely]] {
      fail();
      return {};
    }
    const std::string_view bytes{position_, count};
    position_ += count;
    return bytes;
  }

  /// A string with a length of one octet.
  [[nodiscard]] std::string_view read_short_string() { return read_bytes(read<std::uint8_t>()); }

  /// A string with a length of four octets.
  [[nodiscard]] std::string_view read_long_string() { return read_bytes(read<std::uint32_t>()); }

  /// A table with its length; fails unless all of it is valid.
  [[nodiscard]] FieldTableView read_table() {
    const FieldTableView table{read_long_string()};
    if (!table.bytes.empty() && !is_valid_table(table.bytes)) {
      fail();
      return {};
    }
    return table;
  }

 private:
  const char* position_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace lepus::amqp
