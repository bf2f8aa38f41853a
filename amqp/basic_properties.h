#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amqp/encoder.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// The 14 optional properties of a message (class basic). Strings and headers are views into the
/// octets they were decoded from, or into what the caller keeps while it encodes.
///
/// "Property bytes" are, here and elsewhere, what a content header holds after its body size: the
/// flag word, then the fields that are present.
struct BasicProperties {
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> content_encoding;
  std::optional<FieldTableView> headers;
  std::optional<std::uint8_t> delivery_mode;
  std::optional<std::uint8_t> priority;
  std::optional<std::string_view> correlation_id;
  std::optional<std::string_view> reply_to;
  /// Milliseconds as decimal digits, not checked here.
  std::optional<std::string_view> expiration;
  std::optional<std::string_view> message_id;
  /// Seconds since 1970-01-01 UTC.
  std::optional<std::uint64_t> timestamp;
  std::optional<std::string_view> type;
  std::optional<std::string_view> user_id;
  std::optional<std::string_view> app_id;
  std::optional<std::string_view> cluster_id;

  /// All fields in the order of their flags, highest bit first.
  static void visit_fields(auto& self, auto&& visit) {
    visit("content-type", self.content_type);
    visit("content-encoding", self.content_encoding);
    visit("headers", self.headers);
    visit("delivery-mode", self.delivery_mode);
    visit("priority", self.priority);
    visit("correlation-id", self.correlation_id);
    visit("reply-to", self.reply_to);
    visit("expiration", self.expiration);
    visit("message-id", self.message_id);
    visit("timestamp", self.timestamp);
    visit("type", self.type);
    visit("user-id", self.user_id);
    visit("app-id", self.app_id);
    visit("cluster-id", self.cluster_id);
  }

  friend bool operator==(const BasicProperties&, const BasicProperties&) = default;
};

/// Property bytes of a message without any property.
inline constexpr std::string_view empty_property_bytes{"\0\0", 2};

/// delivery_mode of a message that survives a restart.
inline constexpr std::uint8_t persistent_delivery_mode = 2;

/// Decodes property bytes; nothing unless all of them are valid. No allocation.
[[nodiscard]] std::optional<BasicProperties> decode_properties(std::string_view bytes);

/// Octets of the property bytes.
[[nodiscard]] std::size_t encoded_size(const BasicProperties& properties);

/// Writes the property bytes; needs `encoded_size` octets.
void encode_properties(Encoder& encoder, const BasicProperties& properties);

/// The property bytes.
[[nodiscard]] std::string encode_properties(const BasicProperties& properties);

/// What the way of every message looks at. Views into the property bytes.
struct PropertyScan {
  std::optional<std::string_view> expiration;
  std::optional<std::string_view> reply_to;
  std::optional<std::string_view> user_id;
  /// Empty if there are none.
  FieldTableView headers;
  /// 0 if there is none.
  std::uint8_t delivery_mode = 0;
  std::optional<std::uint8_t> priority;

  [[nodiscard]] bool persistent() const { return delivery_mode == persistent_delivery_mode; }
};

/// Validates property bytes in full, headers included, and picks those few properties; false if
/// they are broken. No allocation.
[[nodiscard]] bool scan_properties(std::string_view bytes, PropertyScan& scan);

}  // namespace lepus::amqp
