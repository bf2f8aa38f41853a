#include "amqp/printer.h"

#include <iterator>
#include <string>
#include <type_traits>
#include <variant>

#include <fmt/format.h>

namespace lepus::amqp {

namespace {

bool is_secret(std::string_view field_name) {
  return field_name == "response" || field_name == "challenge" || field_name == "new-secret";
}

std::string table_text(const FieldTable& table) {
  std::string text = "{";
  for (const Field& field : table.fields()) {
    text += text.size() > 1 ? ", " : "";
    text += quoted(field.name) + ": " + to_log_text(field.value);
  }
  return text + "}";
}

std::string array_text(const FieldArray& array) {
  std::string text = "[";
  for (const FieldValue& value : array.values()) {
    text += text.size() > 1 ? ", " : "";
    text += to_log_text(value);
  }
  return text + "]";
}

/// Appends ` name=value` for each visited field.
class PrintingVisitor {
 public:
  explicit PrintingVisitor(std::string& line) : line_(line) {}

  template <typename T>
  void operator()(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(line_), " {}=", name);
    if constexpr (std::is_same_v<T, LongString>) {
      line_ +=
          is_secret(name) ? fmt::format("({} octets)", value.bytes.size()) : quoted(value.bytes);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      line_ += quoted(value);
    } else if constexpr (std::is_same_v<T, FieldTableView>) {
      line_ += table_text(value.decode());
    } else if constexpr (std::is_same_v<T, DeliveryTag>) {
      line_ += std::to_string(value.value);
    } else if constexpr (std::is_same_v<T, bool>) {
      line_ += value ? "true" : "false";
    } else {
      line_ += std::to_string(value);
    }
  }

 private:
  std::string& line_;
};

}  // namespace

std::string to_log_line(const AnyMethod& method) {
  std::string line{name_of(method)};
  std::visit([&]<typename M>(const M& held) { M::visit_fields(held, PrintingVisitor{line}); },
             method);
  return line;
}

std::string to_log_text(const FieldValue& value) {
  return std::visit(
      []<typename T>(const T& held) -> std::string {
        if constexpr (std::is_same_v<T, Void>) {
          return "void";
        } else if constexpr (std::is_same_v<T, bool>) {
          return held ? "true" : "false";
        } else if constexpr (std::is_same_v<T, Decimal>) {
          return fmt::format("{}e-{}", held.value, held.scale);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return quoted(held);
        } else if constexpr (std::is_same_v<T, Binary>) {
          return quoted(held.bytes);
        } else if constexpr (std::is_same_v<T, Timestamp>) {
          return std::to_string(held.seconds);
        } else if constexpr (std::is_same_v<T, FieldTable>) {
          return table_text(held);
        } else if constexpr (std::is_same_v<T, FieldArray>) {
          return array_text(held);
        } else {
          return fmt::format("{}", held);
        }
      },
      value.variant());
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char octet : text) {
    if (octet == '"' || octet == '\\') {
      out += '\\';
      out += octet;
    } else if (octet >= ' ' && octet <= '~') {
      out += octet;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(octet));
    }
  }
  return out + "\"";
}

}  // namespace lepus::amqp
