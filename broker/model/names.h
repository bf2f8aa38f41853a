#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lepus::model {

/// The name without CR and LF, as RabbitMQ takes names of clients.
[[nodiscard]] std::string strip_line_breaks(std::string_view name);

/// Names that begin with "amq." are the server's.
[[nodiscard]] bool is_reserved_name(std::string_view name);

/// Octets as base64 with padding.
[[nodiscard]] std::string base64_encode(std::string_view octets);

/// The octets of base64 with padding; nothing if it is none.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// 22 characters of base64url made of 16 random octets, as server-given names end.
/// @param random_bytes  fills with random octets; empty: the system's source
[[nodiscard]] std::string random_name_part(
    const std::function<void(std::span<unsigned char>)>& random_bytes);

/// Fills with octets of the system's secure source.
void fill_with_random_bytes(std::span<unsigned char> octets);

}  // namespace lepus::model
