#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amqp/field_table.h"
#include "broker/model/protocol_error.h"
#include "broker/model/queue_record.h"

namespace lepus::model {

/// "rabbit_classic_queue", "rabbit_quorum_queue": RabbitMQ's module names, which its texts contain.
[[nodiscard]] std::string_view module_name_of(QueueType type);

/// The longest time that a queue knows: ten years of 365 days.
inline constexpr std::int64_t duration_max_ms = 315'360'000'000;

/// What an overflow's word means for that type of queue; nothing if it is none.
[[nodiscard]] std::optional<QueueSettings::Overflow> overflow_from(std::string_view word,
                                                                   QueueType type);

/// The value of x-consumer-timeout, of queues and consumers alike: milliseconds, 0 for no timeout.
/// Any value is accepted, as in RabbitMQ; what is no time says nothing.
[[nodiscard]] std::optional<std::int64_t> consumer_timeout_from(std::optional<std::int64_t> number);

/// The one that counts of a queue's argument and its policy: the shorter.
[[nodiscard]] std::optional<std::int64_t> shorter_consumer_timeout(
    std::optional<std::int64_t> one, std::optional<std::int64_t> other);

/// Checks the arguments of queue.declare in RabbitMQ's order and makes settings of them.
/// @param described  "queue 'q' in vhost '/'", for the texts
[[nodiscard]] Checked<QueueSettings> check_queue_arguments(const amqp::FieldTable& arguments,
                                                           std::string_view described);

/// 406 if the type of queue can't have this property, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_queue_properties(QueueType type, bool durable,
                                                                  bool exclusive, bool auto_delete,
                                                                  std::string_view described);

/// 406 if the server may not name a queue of the type that the arguments ask for, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_server_named(const amqp::FieldTable& arguments);

/// The argument x-dead-letter-exchange: a name, nothing, or 406 for a value of another type.
[[nodiscard]] Checked<std::optional<std::string>> dead_letter_exchange_of(
    const amqp::FieldTable& arguments, std::string_view described);

/// An argument that names an exchange; 406 "invalid type 't' for arg 'a' in …" when it isn't a long
/// string.
[[nodiscard]] Checked<std::optional<std::string>> name_argument(const amqp::FieldTable& arguments,
                                                                std::string_view argument,
                                                                std::string_view described);

}  // namespace lepus::model
