#pragma once

#include "amqp/field_table.h"

namespace lepus::model {

/// Erlang's ==, as headers exchanges compare: numbers by value across all widths and floats
/// (timestamps are numbers there), strings by their octets, tables and arrays element by element
/// with their types.
[[nodiscard]] bool equal_values(const amqp::FieldValue& left, const amqp::FieldValue& right);

/// Erlang's =:=: as equal_values(), but a float never equals an integer.
[[nodiscard]] bool identical_values(const amqp::FieldValue& left, const amqp::FieldValue& right);

}  // namespace lepus::model
