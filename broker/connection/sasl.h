#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lepus::connection {

/// Whether parse_sasl_response() understands it.
[[nodiscard]] bool is_sasl_mechanism(std::string_view mechanism);

struct Credentials {
  std::string user;
  std::string password;
};

/// What a connection.start-ok claims; nothing if the mechanism isn't known or the response is
/// malformed.
[[nodiscard]] std::optional<Credentials> parse_sasl_response(std::string_view mechanism,
                                                             std::string_view response);

}  // namespace lepus::connection
