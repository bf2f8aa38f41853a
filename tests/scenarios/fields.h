#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "amqp/field_table.h"
#include "amqp/printer.h"
#include "tests/scenarios/scenario.h"

// What is written in a scenario becomes the fields of methods and properties, and is compared with
// them.

namespace lepus::scenarios {

/// `$name` of a scenario.
using Variables = std::map<std::string, std::string>;

template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// Fills the visited fields with the arguments of their names.
class FieldFiller {
 public:
  FieldFiller(const WrittenMethod& method, const Variables& variables)
      : arguments_(method.arguments), variables_(variables) {}

  template <typename T>
  void operator()(std::string_view name, T& field) {
    for (const Argument& argument : arguments_) {
      if (argument.name == name) {
        ++used;
        fill(argument, field);
      }
    }
  }

  std::size_t used = 0;
  std::string error;

 private:
  template <typename T>
  void fill(const Argument& argument, T& field) {
    if constexpr (is_optional<T>) {
      fill(argument, field.emplace());
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      field = text_of(argument);
    } else if constexpr (std::is_same_v<T, amqp::LongString>) {
      field = {text_of(argument)};
    } else if constexpr (std::is_same_v<T, amqp::FieldTableView>) {
      if (const auto* table = argument.value.get_if<amqp::FieldTable>()) {
        amqp::FieldTable filled = *table;
        for (amqp::Field& each : filled.fields()) {
          fill_in(each.value);
        }
        field = {kept_.emplace_back(filled.encode())};
      } else {
        error = argument.name + " needs a table";
      }
    } else if constexpr (std::is_same_v<T, amqp::DeliveryTag>) {
      fill(argument, field.value);
    } else if constexpr (std::is_same_v<T, bool>) {
      field = argument.text == "true";
      error = field || argument.text == "false" ? error : argument.name + " is true or false";
    } else {
      const char* end = argument.text.data() + argument.text.size();
      if (std::from_chars(argument.text.data(), end, field).ptr != end) {
        error = argument.name + " needs a number";
      }
    }
  }

  std::string_view text_of(const Argument& argument) {
    if (argument.quoted || !argument.text.starts_with('$')) {
      return argument.text;
    }
    const auto variable = variables_.find(argument.text);
    if (variable == variables_.end()) {
      error = argument.text + " has no value yet";
      return {};
    }
    return variable->second;
  }

  /// Texts of tables and lists that are the name of something kept.
  void fill_in(amqp::FieldValue& value) const {
    if (auto* array = value.get_if<amqp::FieldArray>()) {
      for (amqp::FieldValue& each : array->values()) {
        fill_in(each);
      }
    } else if (const std::string* text = value.as_string()) {
      const auto variable = variables_.find(*text);
      value = variable == variables_.end() ? value : amqp::FieldValue{variable->second};
    }
  }

  const std::vector<Argument>& arguments_;
  const Variables& variables_;
  std::deque<std::string> kept_;
};

/// Compares the visited fields with the arguments of their names; fields that are not named may be
/// anything.
class FieldMatcher {
 public:
  FieldMatcher(const WrittenMethod& method, Variables& variables)
      : arguments_(method.arguments), variables_(variables) {}

  template <typename T>
  void operator()(std::string_view name, const T& field) {
    for (const Argument& argument : arguments_) {
      if (argument.name == name) {
        ++used;
        compare(argument, field);
      }
    }
  }

  std::size_t used = 0;
  std::string error;

 private:
  template <typename T>
  void compare(const Argument& argument, const T& field) {
    if constexpr (is_optional<T>) {
      const bool absent = !argument.quoted && argument.text == "absent";
      if (absent != !field) {
        error = argument.name + (absent ? " is there" : " is absent");
      } else if (field) {
        compare(argument, *field);
      }
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      compare_text(argument, field);
    } else if constexpr (std::is_same_v<T, amqp::LongString>) {
      compare_text(argument, field.bytes);
    } else if constexpr (std::is_same_v<T, amqp::FieldTableView>) {
      const amqp::FieldTable got = field.decode();
      if (argument.value != amqp::FieldValue{got}) {
        error = argument.name + " is " + amqp::to_log_text(got) + ", expected " +
                amqp::to_log_text(argument.value) + " (of the same types)";
      }
    } else if constexpr (std::is_same_v<T, amqp::DeliveryTag>) {
      compare_text(argument, std::to_string(field.value));
    } else if constexpr (std::is_same_v<T, bool>) {
      compare_text(argument, field ? "true" : "false");
    } else {
      compare_text(argument, std::to_string(field));
    }
  }

  void compare_text(const Argument& argument, std::string_view got) {
    std::string_view expected = argument.text;
    if (!argument.quoted && expected.starts_with('$')) {
      expected = variables_.try_emplace(argument.text, got).first->second;
    } else if (!argument.quoted && expected.ends_with('*') && expected.size() > 1) {
      expected.remove_suffix(1);
      got = got.substr(0, expected.size());
    }
    if (got != expected) {
      error = argument.name + " is " + amqp::quoted(got) + ", expected " + amqp::quoted(expected);
    }
  }

  const std::vector<Argument>& arguments_;
  Variables& variables_;
};

}  // namespace lepus::scenarios
