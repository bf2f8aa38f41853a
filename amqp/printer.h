#pragma once

#include <string>
#include <string_view>

#include "amqp/field_table.h"
#include "amqp/methods/any_method.h"

namespace lepus::amqp {

/// The method as one log line: `queue.declare queue="q" passive=false … arguments={}`. Octets that
/// are not printable are escaped, secrets (SASL responses, new secrets) are left out.
[[nodiscard]] std::string to_log_line(const AnyMethod& method);

/// The value as a log line shows it: `"text"`, `5`, `{"name": "value"}`, `[1, 2]`.
[[nodiscard]] std::string to_log_text(const FieldValue& value);

/// The text in quotes, with everything escaped that is not printable ASCII.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace lepus::amqp
