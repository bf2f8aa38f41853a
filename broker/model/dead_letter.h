#pragma once

#include <cstdint>
#include <string_view>

#include "broker/model/message.h"
#include "broker/model/queue.h"

namespace lepus::model {

/// The message as it goes from that queue to the dead-letter exchange of `settings` (which have
/// one): with x-death and its companions, without expiration, with the new exchange and routing
/// key. Null if these are too long for a message: no exchange has such a name, and no client could
/// be told such a key.
/// @param time_ms  wall clock, for the event's time
[[nodiscard]] MessagePtr make_dead_letter(const Message& message, std::string_view queue,
                                          const QueueSettings& settings, DeadLetterReason reason,
                                          std::int64_t time_ms);

/// A dead letter may not come back to a queue that it died in before, unless somebody rejected it
/// on the way: such loops would never end.
/// @param headers  the dead letter's headers table, with the newest event first
[[nodiscard]] bool is_dead_letter_cycle(std::string_view headers, std::string_view queue);

}  // namespace lepus::model
