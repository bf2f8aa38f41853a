#pragma once

#include <optional>
#include <span>
#include <string>

#include "management/response.h"

namespace lepus::management {

/// The file of the web page at this path, or nothing. Needs no login: it asks for one itself.
[[nodiscard]] std::optional<Response> find_page(std::span<const std::string> segments);

}  // namespace lepus::management
