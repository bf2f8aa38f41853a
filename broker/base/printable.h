#pragma once

#include <string>
#include <string_view>

namespace lepus {

/// What others chose (names, texts) as it may stand in a log: control characters become `?`, so
/// that nobody writes lines of his own.
[[nodiscard]] inline std::string printable(std::string_view text) {
  constexpr unsigned char first_visible = 0x20;
  constexpr unsigned char delete_character = 0x7f;
  std::string result{text};
  for (char& letter : result) {
    const auto octet = static_cast<unsigned char>(letter);
    if (octet < first_visible || octet == delete_character) {
      letter = '?';
    }
  }
  return result;
}

}  // namespace lepus
