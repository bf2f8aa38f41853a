#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lepus::management {

/// The octets of %-encoded text; nothing if an escape is broken. `+` stays as it is.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// Everything but letters, digits and `-_.~` as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// As forms are encoded: letters, digits and `-_.` stay, a space is `+`, the rest %XX.
[[nodiscard]] std::string form_encode(std::string_view text);

/// A request's target, taken apart.
struct Target {
  /// Split at `/` first, then decoded, so that a name may contain %2F. One trailing `/` is ignored.
  std::vector<std::string> segments;
  /// `+` is a space; of a name that repeats the last one counts.
  std::map<std::string, std::string, std::less<>> query;
};

/// Nothing if the path doesn't begin with `/` or has a broken escape.
[[nodiscard]] std::optional<Target> parse_target(std::string_view target);

/// `a=b&c=d` as in queries and form bodies; broken escapes are dropped.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_form(std::string_view text);

}  // namespace lepus::management
