#pragma once

#include <string>
#include <string_view>

#include "broker/connection/connection_settings.h"

namespace lepus::connection {

/// What Lepus presents itself as: clients and tools choose their behaviour by it.
inline constexpr std::string_view presented_product = "RabbitMQ";
inline constexpr std::string_view presented_version = "3.13.7";

/// The server_properties of connection.start, an encoded table.
[[nodiscard]] std::string encode_server_properties(const ConnectionSettings& settings);

}  // namespace lepus::connection
