#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "amqp/byte_order.h"
#include "amqp/constants.h"
#include "amqp/types.h"
#include "broker/base/assert.h"

namespace lepus::amqp {

/// Writes AMQP's primitives into raw memory that the caller sized with the `…_size` functions;
/// going past its end is a programming error.
class Encoder {
 public:
  Encoder(char* begin, char* end) : position_(begin), end_(end) {}

  /// Where the next octet goes.
  [[nodiscard]] char* position() const { return position_; }

  /// Octets still free.
  [[nodiscard]] std::size_t room_bytes() const {
    return static_cast<std::size_t>(end_ - position_);
  }

  /// A big-endian integer of T's width.
  template <typename T>
  void write(T value) {
    LEPUS_ASSERT(room_bytes() >= sizeof(T), "the region was sized for what is written");
    store_big_endian(position_, value);
    position_ += sizeof(T);
  }

  /// The octets as they are.
  void write_bytes(std::string_view bytes) {
    LEPUS_ASSERT(room_bytes() >= bytes.size(), "the region was sized for what is written");
    if (!bytes.empty()) {
      std::memcpy(position_, bytes.data(), bytes.size());
      position_ += bytes.size();
    }
  }

  /// A length of one octet, then the octets; at most 255.
  void write_short_string(std::string_view text) {
    LEPUS_ASSERT(text.size() <= short_string_max_bytes, "names and texts are cut where they arise");
    write(static_cast<std::uint8_t>(text.size()));
    write_bytes(text);
  }

  /// A length of four octets, then the octets.
  void write_long_string(std::string_view bytes) {
    write(static_cast<std::uint32_t>(bytes.size()));
    write_bytes(bytes);
  }

 private:
  char* position_;
  char* end_;
};

}  // namespace lepus::amqp
