#pragma once

#include <string>
#include <string_view>

#include "amqp/field_table.h"

namespace lepus::amqp {

// RabbitMQ's reply texts contain printed Erlang terms; these print the kinds that occur there.

/// `<<"abc">>` for printable octets, else `<<0,20,255>>`; `<<>>` for none (Erlang's ~p).
[[nodiscard]] std::string erlang_binary(std::string_view bytes);

/// `<<97,98,99>>` whatever the octets are (Erlang's ~w).
[[nodiscard]] std::string erlang_octets(std::string_view bytes);

/// The bare value: `-1`, `true`, `<<"abc">>`, `[{<<"name">>,longstr,<<"value">>}]`, …
[[nodiscard]] std::string erlang_value(const FieldValue& value);

/// The value with its type: `{longstr,<<"abc">>}`.
[[nodiscard]] std::string erlang_typed_value(const FieldValue& value);

}  // namespace lepus::amqp
