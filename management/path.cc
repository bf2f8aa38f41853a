#include "management/path.h"

#include <algorithm>
#include <utility>

namespace lepus::management {

namespace {

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
}

void append_escape(std::string& out, char letter) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(letter);
  out += '%';
  out += digits[octet >> 4U];
  out += digits[octet & 15U];
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '%') {
      decoded += text[index];
      continue;
    }
    if (index + 2 >= text.size()) {
      return std::nullopt;
    }
    const int high = hex_digit(text[index + 1]);
    const int low = hex_digit(text[index + 2]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    decoded += static_cast<char>(high * 16 + low);
    index += 2;
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    if (is_plain(letter) || letter == '~') {
      encoded += letter;
    } else {
      append_escape(encoded, letter);
    }
  }
  return encoded;
}

std::string form_encode(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    if (is_plain(letter)) {
      encoded += letter;
    } else if (letter == ' ') {
      encoded += '+';
    } else {
      append_escape(encoded, letter);
    }
  }
  return encoded;
}

std::map<std::string, std::string, std::less<>> parse_form(std::string_view text) {
  std::map<std::string, std::string, std::less<>> form;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name{pair.substr(0, equals)};
    std::string value{pair.substr(std::min(equals + 1, pair.size()))};
    std::ranges::replace(name, '+', ' ');
    std::ranges::replace(value, '+', ' ');
    auto decoded_name = percent_decode(name);
    auto decoded_value = percent_decode(value);
    if (decoded_name && decoded_value && !decoded_name->empty()) {
      form[*std::move(decoded_name)] = *std::move(decoded_value);
    }
  }
  return form;
}

std::optional<Target> parse_target(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  if (!path.starts_with('/')) {
    return std::nullopt;
  }
  Target parsed;
  parsed.query = parse_form(target.substr(std::min(question + 1, target.size())));
  path.remove_prefix(1);
  if (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  while (!path.empty() || !parsed.segments.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    auto segment = percent_decode(path.substr(0, end));
    if (!segment) {
      return std::nullopt;
    }
    parsed.segments.push_back(*std::move(segment));
    if (end == path.size()) {
      break;
    }
    path.remove_prefix(end + 1);
  }
  return parsed;
}

}  // namespace lepus::management
