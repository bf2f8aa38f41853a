#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/names.h"

// exchange.declare, delete, bind and unbind. The topology makes the checks; here are names and
// answers.

namespace lepus::connection {

namespace {

template <typename Method>
model::BindingDescription exchange_binding(const Method& method) {
  return {.source = model::strip_line_breaks(method.source),
          .destination_type = model::BindingDestination::exchange,
          .destination = model::strip_line_breaks(method.destination),
          .routing_key = std::string{method.routing_key},
          .arguments = method.arguments.decode()};
}

}  // namespace

void Channel::handle_exchange_declare(const amqp::ExchangeDeclare& method) {
  const auto ticket = host().topology().declare_exchange(
      access(), {.name = model::strip_line_breaks(method.exchange),
                 .type = std::string{method.type},
                 .passive = method.passive,
                 .durable = method.durable,
                 .auto_delete = method.auto_delete,
                 .internal = method.internal,
                 .arguments = method.arguments.decode()});
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, method.no_wait, amqp::ExchangeDeclareOk{});
}

void Channel::handle_exchange_delete(const amqp::ExchangeDelete& method) {
  const auto ticket = host().topology().delete_exchange(
      access(), model::strip_line_breaks(method.exchange), method.if_unused);
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, method.no_wait, amqp::ExchangeDeleteOk{});
}

void Channel::handle_exchange_bind(const amqp::ExchangeBind& method) {
  const auto ticket = host().topology().bind(access(), exchange_binding(method), connection_.id());
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, method.no_wait, amqp::ExchangeBindOk{});
}

void Channel::handle_exchange_unbind(const amqp::ExchangeUnbind& method) {
  const auto ticket =
      host().topology().unbind(access(), exchange_binding(method), connection_.id());
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, method.no_wait, amqp::ExchangeUnbindOk{});
}

}  // namespace lepus::connection
