#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "amqp/field_table.h"
#include "broker/base/result.h"

namespace lepus::management {

/// Parses JSON; "discarded" if it is none, or nested deeper than anybody needs.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);

/// A table as an object, as RabbitMQ shows arguments and headers.
[[nodiscard]] nlohmann::json to_json(const amqp::FieldTable& table);

/// An object as a table: whole numbers become long ('l'), others double, objects tables. The error
/// is RabbitMQ's word, such as null_not_allowed.
[[nodiscard]] Result<amqp::FieldTable> to_field_table(const nlohmann::json& object);

/// A message's properties as an object, without those it doesn't have.
[[nodiscard]] nlohmann::json properties_to_json(std::string_view property_bytes);

/// The property bytes of an object with any of the 14 properties; others are ignored.
[[nodiscard]] Result<std::string> properties_from_json(const nlohmann::json& object);

/// "2026-11-21T08:06:28.831+00:00".
[[nodiscard]] std::string format_time(std::int64_t wall_ms);

}  // namespace lepus::management
