#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lepus::connection {

/// The name is in the client's certificate, and the response says nothing.
inline constexpr std::string_view external_mechanism = "EXTERNAL";

struct Credentials {
  std::string user;
  std::string password;
};

/// What a connection.start-ok claims by PLAIN or AMQPLAIN; nothing if the mechanism isn't known or
/// the response is malformed.
[[nodiscard]] std::optional<Credentials> parse_sasl_response(std::string_view mechanism,
                                                             std::string_view response);

}  // namespace lepus::connection
