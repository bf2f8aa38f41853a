#include "broker/model/field_comparison.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace lepus::model {

namespace {

/// Holds every 64-bit integer and every double exactly, on the platforms that are built for.
using Number = long double;
static_assert(sizeof(Number) > sizeof(double));

struct NumberValue {
  Number value = 0;
  bool is_float = false;
};

std::optional<NumberValue> number_of(const amqp::FieldValue& value) {
  return std::visit(
      []<typename T>(const T& held) -> std::optional<NumberValue> {
        if constexpr (std::is_same_v<T, amqp::Timestamp>) {
          return NumberValue{static_cast<Number>(held.seconds), false};
        } else if constexpr (std::is_same_v<T, bool>) {
          return std::nullopt;
        } else if constexpr (std::is_arithmetic_v<T>) {
          return NumberValue{static_cast<Number>(held), std::is_floating_point_v<T>};
        } else {
          return std::nullopt;
        }
      },
      value.variant());
}

std::optional<std::string_view> octets_of(const amqp::FieldValue& value) {
  if (const auto* text = value.get_if<std::string>()) {
    return *text;
  }
  if (const auto* binary = value.get_if<amqp::Binary>()) {
    return binary->bytes;
  }
  return std::nullopt;
}

bool equal(const amqp::FieldValue& left, const amqp::FieldValue& right, bool exact);

bool equal_with_types(const amqp::FieldValue& left, const amqp::FieldValue& right, bool exact) {
  return left.type_letter() == right.type_letter() && equal(left, right, exact);
}

bool equal_tables(const amqp::FieldTable& left, const amqp::FieldTable& right, bool exact) {
  return std::ranges::equal(
      left.fields(), right.fields(), [&](const amqp::Field& first, const amqp::Field& second) {
        return first.name == second.name && equal_with_types(first.value, second.value, exact);
      });
}

bool equal_arrays(const amqp::FieldArray& left, const amqp::FieldArray& right, bool exact) {
  return std::ranges::equal(left.values(), right.values(),
                            [&](const amqp::FieldValue& first, const amqp::FieldValue& second) {
                              return equal_with_types(first, second, exact);
                            });
}

bool equal(const amqp::FieldValue& left, const amqp::FieldValue& right, bool exact) {
  if (const auto first = number_of(left)) {
    const auto second = number_of(right);
    return second && first->value == second->value &&
           (!exact || first->is_float == second->is_float);
  }
  if (const auto first = octets_of(left)) {
    return first == octets_of(right);
  }
  if (left.type_letter() != right.type_letter()) {
    return false;
  }
  if (const auto* table = left.get_if<amqp::FieldTable>()) {
    return equal_tables(*table, *right.get_if<amqp::FieldTable>(), exact);
  }
  if (const auto* array = left.get_if<amqp::FieldArray>()) {
    return equal_arrays(*array, *right.get_if<amqp::FieldArray>(), exact);
  }
  return left == right;
}

}  // namespace

bool equal_values(const amqp::FieldValue& left, const amqp::FieldValue& right) {
  return equal(left, right, false);
}

bool identical_values(const amqp::FieldValue& left, const amqp::FieldValue& right) {
  return equal(left, right, true);
}

}  // namespace lepus::model
