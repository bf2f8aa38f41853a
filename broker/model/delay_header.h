#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "amqp/field_table.h"
#include "broker/model/message.h"

namespace lepus::model {

// The header x-delay, as the plugin rabbitmq_delayed_message_exchange reads it.

/// Delays are up to 2³² - 1 ms; what has a longer one is not delayed, as there.
inline constexpr std::int64_t delay_ms_max = UINT32_MAX;

/// How long a message with these headers is to be delayed: a number of any type, or one as text.
/// 0: not at all.
/// @param headers  null: none
[[nodiscard]] std::int64_t delay_ms_of(const amqp::FieldTable* headers);
[[nodiscard]] std::int64_t delay_ms_of(const Message& message);

/// The message with other headers (an encoded table).
[[nodiscard]] MessagePtr with_headers(const Message& message, std::string_view headers);

/// A message as it goes on when it is due: x-delay is negative, so that it isn't delayed again.
struct Released {
  std::string routing_headers;  ///< with the header BCC, which decides where it goes
  MessagePtr message;           ///< without it
};

/// @param time_ms  its time to live begins now
[[nodiscard]] Released release(const Message& message, std::int64_t time_ms);

}  // namespace lepus::model
