#pragma once

#include <string_view>

namespace lepus::amqp {

/// Whether the octets are UTF-8, without surrogates and without longer forms than needed.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

}  // namespace lepus::amqp
