#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amqp/basic_properties.h"
#include "broker/model/protocol_error.h"

namespace lepus::connection {

/// The number of milliseconds in the property expiration, or 406 "invalid expiration '…': …".
[[nodiscard]] model::Checked<std::uint64_t> parse_expiration(std::string_view expiration);

/// Whether the headers may hold CC or BCC: false only if they certainly don't.
[[nodiscard]] bool may_have_extra_keys(amqp::FieldTableView headers);

/// 406 "invalid message: {unacceptable_type_in_header,"CC",longstr}" if CC or BCC is no array.
[[nodiscard]] std::optional<model::ProtocolError> check_extra_keys(amqp::FieldTableView headers);

/// Property bytes with changes that the broker makes at publish: without the header BCC, and with
/// another reply_to if one is given. The bytes are valid.
[[nodiscard]] std::string rewrite_properties(std::string_view properties,
                                             std::optional<std::string_view> reply_to);

}  // namespace lepus::connection
