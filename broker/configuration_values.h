#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/result.h"

namespace lepus::configuration {

/// A decimal number from `lowest` to `highest`, without sign. The error says what is accepted.
[[nodiscard]] Result<std::uint64_t> parse_integer(std::string_view text, std::uint64_t lowest,
                                                  std::uint64_t highest);

/// As parse_integer, and `infinity` for none.
[[nodiscard]] Result<std::optional<std::uint32_t>> parse_limit(std::string_view text);

/// Bytes, with one of RabbitMQ's units if wanted: `k`, `kB`, `Ki`, `KiB` up to `P`. Those with an i
/// are powers of 1024, the others of 1000 (as RabbitMQ 3.13 has it); the case is free.
[[nodiscard]] Result<std::uint64_t> parse_size_bytes(std::string_view text);

/// A decimal fraction above 0.
[[nodiscard]] Result<double> parse_fraction(std::string_view text);

/// `true` or `false`, also `on` and `off`.
[[nodiscard]] Result<bool> parse_boolean(std::string_view text);

/// `5672`, `127.0.0.1:5672`, `::1:5672` or `[::1]:5672`: address (empty if not given) and port.
[[nodiscard]] Result<std::pair<std::string, std::uint16_t>> parse_endpoint(std::string_view text);

/// Whether `text` is an IPv4 or IPv6 address.
[[nodiscard]] bool is_ip_address(const std::string& text);

}  // namespace lepus::configuration
