#include "amqp/erlang_term.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>

namespace lepus::amqp {

namespace {

/// The letter after the backslash for a control character that Erlang prints inside strings, else
/// 0.
char escape_letter(char octet) {
  switch (octet) {
    case '\b':
      return 'b';
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\v':
      return 'v';
    case '\f':
      return 'f';
    case '\r':
      return 'r';
    case '\x1b':
      return 'e';
    case '"':
    case '\\':
      return octet;
    default:
      return 0;
  }
}

/// Erlang also prints octets from 160 on as Latin-1; they would make a reply text that is no UTF-8,
/// which clients fail to decode, so they count as not printable here.
bool is_printable(char octet) {
  return (octet >= ' ' && octet <= '~') || escape_letter(octet) != 0;
}

/// The shortest digits that give the number back, with a digit on both sides of the point and a
/// bare exponent: `1.0`, `1.0e-7`, `1.0e22`.
std::string print_float(double value) {
  const std::string shortest = fmt::format("{}", value);
  const std::size_t exponent = shortest.find('e');
  std::string text = shortest.substr(0, exponent);
  if (std::isfinite(value) && text.find('.') == std::string::npos) {
    text += ".0";
  }
  if (exponent != std::string::npos) {
    text += fmt::format("e{}", std::stoi(shortest.substr(exponent + 1)));
  }
  return text;
}

std::string print_table(const FieldTable& table) {
  std::string text = "[";
  for (const Field& field : table.fields()) {
    text += text.size() > 1 ? ",{" : "{";
    text += fmt::format("{},{},{}", erlang_binary(field.name), type_name(field.value),
                        erlang_value(field.value));
    text += '}';
  }
  return text + "]";
}

std::string print_array(const FieldArray& array) {
  std::string text = "[";
  for (const FieldValue& value : array.values()) {
    text += text.size() > 1 ? "," : "";
    text += erlang_typed_value(value);
  }
  return text + "]";
}

}  // namespace

std::string erlang_binary(std::string_view bytes) {
  if (bytes.empty() || !std::ranges::all_of(bytes, is_printable)) {
    return erlang_octets(bytes);
  }
  std::string text = "<<\"";
  for (const char octet : bytes) {
    if (const char letter = escape_letter(octet); letter != 0) {
      text += '\\';
      text += letter;
    } else {
      text += octet;
    }
  }
  return text + "\">>";
}

std::string erlang_octets(std::string_view bytes) {
  std::string text = "<<";
  for (const char octet : bytes) {
    if (text.size() > 2) {
      text += ',';
    }
    text += std::to_string(static_cast<unsigned char>(octet));
  }
  return text + ">>";
}

std::string erlang_value(const FieldValue& value) {
  return std::visit(
      []<typename T>(const T& held) -> std::string {
        if constexpr (std::is_same_v<T, Void>) {
          return "undefined";
        } else if constexpr (std::is_same_v<T, bool>) {
          return held ? "true" : "false";
        } else if constexpr (std::is_floating_point_v<T>) {
          return print_float(held);
        } else if constexpr (std::is_same_v<T, Decimal>) {
          return fmt::format("{{{},{}}}", held.scale, held.value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return erlang_binary(held);
        } else if constexpr (std::is_same_v<T, Binary>) {
          return erlang_binary(held.bytes);
        } else if constexpr (std::is_same_v<T, Timestamp>) {
          return std::to_string(held.seconds);
        } else if constexpr (std::is_same_v<T, FieldTable>) {
          return print_table(held);
        } else if constexpr (std::is_same_v<T, FieldArray>) {
          return print_array(held);
        } else {
          return std::to_string(held);
        }
      },
      value.variant());
}

std::string erlang_typed_value(const FieldValue& value) {
  return fmt::format("{{{},{}}}", type_name(value), erlang_value(value));
}

}  // namespace lepus::amqp
