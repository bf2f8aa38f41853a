#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "amqp/method_codec.h"
#include "amqp/methods/access.h"
#include "amqp/methods/basic.h"
#include "amqp/methods/channel.h"
#include "amqp/methods/confirm.h"
#include "amqp/methods/connection.h"
#include "amqp/methods/exchange.h"
#include "amqp/methods/queue.h"
#include "amqp/methods/tx.h"
#include "amqp/protocol_error.h"
#include "broker/base/result.h"

namespace lepus::amqp {

/// Any method of AMQP 0-9-1 with RabbitMQ's extensions, by value; its strings are views.
using AnyMethod = std::variant<
    ConnectionStart, ConnectionStartOk, ConnectionSecure, ConnectionSecureOk, ConnectionTune,
    ConnectionTuneOk, ConnectionOpen, ConnectionOpenOk, ConnectionClose, ConnectionCloseOk,
    ConnectionBlocked, ConnectionUnblocked, ConnectionUpdateSecret, ConnectionUpdateSecretOk,
    ChannelOpen, ChannelOpenOk, ChannelFlow, ChannelFlowOk, ChannelClose, ChannelCloseOk,
    AccessRequest, AccessRequestOk, ExchangeDeclare, ExchangeDeclareOk, ExchangeDelete,
    ExchangeDeleteOk, ExchangeBind, ExchangeBindOk, ExchangeUnbind, ExchangeUnbindOk, QueueDeclare,
    QueueDeclareOk, QueueBind, QueueBindOk, QueuePurge, QueuePurgeOk, QueueDelete, QueueDeleteOk,
    QueueUnbind, QueueUnbindOk, BasicQos, BasicQosOk, BasicConsume, BasicConsumeOk, BasicCancel,
    BasicCancelOk, BasicPublish, BasicReturn, BasicDeliver, BasicGet, BasicGetOk, BasicGetEmpty,
    BasicAck, BasicReject, BasicRecoverAsync, BasicRecover, BasicRecoverOk, BasicNack,
    ConfirmSelect, ConfirmSelectOk, TxSelect, TxSelectOk, TxCommit, TxCommitOk, TxRollback,
    TxRollbackOk>;

namespace detail {

template <typename Variant>
struct MethodList;

template <typename... Methods>
struct MethodList<std::variant<Methods...>> {
  template <typename Function>
  static void for_each(Function&& function) {
    (function(std::type_identity<Methods>{}), ...);
  }
};

}  // namespace detail

/// Calls `function(std::type_identity<M>{})` for every method M, in the order of the ids.
template <typename Function>
void for_each_method(Function&& function) {
  detail::MethodList<AnyMethod>::for_each(function);
}

/// Why a method frame could not be decoded.
struct DecodeError {
  enum class Kind {
    /// No such class or method; what could follow is unknown.
    unknown_method,
    /// The arguments end early, have octets left, or hold a broken table.
    undecodable_arguments,
  };

  Kind kind = Kind::unknown_method;
  MethodId method;
  /// The argument octets; a view into the payload.
  std::string_view arguments;

  /// What a client is told: 501 `cannot decode <<…>>`, or 540 for a method that does not exist. (On
  /// channel 0 RabbitMQ answers undecodable arguments with a bare 541; the connection decides.)
  [[nodiscard]] ProtocolError to_protocol_error() const;
};

[[noreturn]] void throw_exception_from_error(const DecodeError& error,
                                             const boost::source_location& location);

/// Decodes the payload of a method frame (at least 4 octets, as the frame parser ensures). The
/// method's views point into the payload. Paths that know their method use `decode_arguments`.
[[nodiscard]] Result<AnyMethod, DecodeError> decode_method(std::string_view payload);

/// The method's ids.
[[nodiscard]] MethodId id_of(const AnyMethod& method);

/// The method's name, such as "queue.declare".
[[nodiscard]] std::string_view name_of(const AnyMethod& method);

/// Whether a content header and a body follow the method.
[[nodiscard]] bool has_content(const AnyMethod& method);

}  // namespace lepus::amqp
