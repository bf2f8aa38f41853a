#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "broker/model/message.h"

namespace lepus {

/// What a line of an export says of a message beside the message itself.
struct MessageLine {
  std::string vhost;
  std::string queue;  ///< or the exchange that delays it
  /// When it is due, since 1970-01-01 UTC; of delayed messages alone.
  std::optional<std::int64_t> due_ms;
  bool redelivered = false;
  std::uint32_t delivery_count = 0;
  model::MessagePtr message;
};

/// The lines of `lepus store export`, described in docs/storage-tools.md. Binary fields are base64.
[[nodiscard]] std::string message_line(const MessageLine& line);

/// The message of such a line (parsed). Properties may be given as base64 or as the management API
/// shows them. It counts as persistent whatever its delivery_mode says. The error says which field
/// is wrong.
[[nodiscard]] Result<MessageLine> parse_message_line(const nlohmann::json& line);

/// The octets that model::base64_encode() made a text of; nothing where it did not.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace lepus
