#pragma once

#include <optional>
#include <string_view>

#include "amqp/field_table.h"
#include "broker/model/protocol_error.h"
#include "broker/model/queue_record.h"

namespace lepus::model {

struct ExchangeRecord;

/// 406 "inequivalent arg '…' for …: received … but current is …" when an exchange is declared again
/// otherwise than it is, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_equivalent(const ExchangeRecord& current,
                                                            const ExchangeRecord& declared);

/// The same for a queue; its exclusive lock is not looked at. Arguments that the type of queue does
/// not know are not compared.
[[nodiscard]] std::optional<ProtocolError> check_equivalent(const QueueRecord& current,
                                                            bool durable, bool auto_delete,
                                                            const amqp::FieldTable& arguments);

}  // namespace lepus::model
