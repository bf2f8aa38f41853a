#include "amqp/utf8.h"

#include <cstddef>

namespace lepus::amqp {

bool is_valid_utf8(std::string_view text) {
  const auto is_continuation = [&text](std::size_t index) {
    return index < text.size() && (static_cast<unsigned char>(text[index]) & 0xC0U) == 0x80U;
  };
  std::size_t index = 0;
  while (index < text.size()) {
    const auto first = static_cast<unsigned char>(text[index]);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0) {
      return false;
    }
    for (std::size_t more = 1; more < length; ++more) {
      if (!is_continuation(index + more)) {
        return false;
      }
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[index + 1]) : 0U;
    // Longer than needed, surrogates, and above U+10FFFF.
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
      return false;
    }
    index += length;
  }
  return true;
}

}  // namespace lepus::amqp
