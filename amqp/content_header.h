#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "amqp/byte_order.h"
#include "amqp/constants.h"

namespace lepus::amqp {

/// The payload of a content header frame (AMQP 0-9-1 §4.2.6.1).
struct ContentHeader {
  std::uint16_t class_id = basic_class_id;
  std::uint16_t weight = 0;
  std::uint64_t body_size_bytes = 0;
  /// The flag word and the properties as they came, not validated. A view into the payload.
  std::string_view property_bytes;

  friend bool operator==(const ContentHeader&, const ContentHeader&) = default;
};

/// Takes the payload apart; nothing if it has fewer than 12 octets.
[[nodiscard]] inline std::optional<ContentHeader> decode_content_header(std::string_view payload) {
  if (payload.size() < content_header_fixed_bytes) {
    return std::nullopt;
  }
  return ContentHeader{.class_id = load_big_endian<std::uint16_t>(payload.data()),
                       .weight = load_big_endian<std::uint16_t>(payload.data() + 2),
                       .body_size_bytes = load_big_endian<std::uint64_t>(payload.data() + 4),
                       .property_bytes = payload.substr(content_header_fixed_bytes)};
}

}  // namespace lepus::amqp
