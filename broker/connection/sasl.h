#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lepus::connection {

/// The mechanisms as connection.start lists them.
inline constexpr std::string_view sasl_mechanisms = "PLAIN AMQPLAIN";

struct Credentials {
  std::string user;
  std::string password;
};

/// What a connection.start-ok claims; nothing if the mechanism isn't offered or the response is
/// malformed.
[[nodiscard]] std::optional<Credentials> parse_sasl_response(std::string_view mechanism,
                                                             std::string_view response);

}  // namespace lepus::connection
