#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lepus::configuration {

/// Whether RabbitMQ or one of its plugins knows the key, and it means nothing here.
[[nodiscard]] bool is_ignored_key(std::string_view key);

/// Whether `key` fits `pattern`: part by part, where `a|b` fits a and b, `*` any one part and a
/// last `**` one or more. The rest of the key from the first star on goes to `name` if that is
/// given.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view key,
                           std::string_view* name = nullptr);

/// The one of `candidates` (or of the ignored keys) nearest to `key` by typing errors; empty if
/// none is near.
[[nodiscard]] std::string closest_key(std::string_view key,
                                      std::span<const std::string> candidates);

}  // namespace lepus::configuration
