#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/names.h"

// queue.declare, bind, unbind, purge and delete.

namespace lepus::connection {

void Channel::handle_queue_declare(const amqp::QueueDeclare& method) {
  const std::string name = model::strip_line_breaks(method.queue);
  if (name.starts_with(reply_to_queue)) {
    declare_reply_queue(method, name);
    return;
  }
  const auto declared =
      host().topology().declare_queue(access(), {.name = name,
                                                 .passive = method.passive,
                                                 .durable = method.durable,
                                                 .exclusive = method.exclusive,
                                                 .auto_delete = method.auto_delete,
                                                 .arguments = method.arguments.decode(),
                                                 .connection = connection_.id(),
                                                 .shard = host().index()});
  if (!declared) {
    fail(declared.error());
    return;
  }
  const auto& queue = declared->queue;
  last_queue_ = queue->name;
  if (declared->created && queue->is_exclusive()) {
    connection_.add_exclusive_queue(queue);
  }
  if (declared->created ? declared->expires : method.no_wait) {
    // Counts as use of the queue; of a new one, so that its time begins.
    host().shard().send_to_owner(queue->owner, model::QueryQueue{queue, {reference(), 0}});
  }
  if (method.no_wait) {
    return;
  }
  PendingMethod waiting = new_pending(PendingMethod::Kind::declare_queue);
  waiting.queue = queue;
  waiting.awaits_log = declared->ticket != 0;
  waiting.awaits_answer = !declared->created;
  if (!waiting.awaits_log && !waiting.awaits_answer) {
    send(amqp::QueueDeclareOk{.queue = queue->name});
    return;
  }
  const bool asks = waiting.awaits_answer;
  const model::RequestId asked = request(connection_.wait(std::move(waiting)));
  if (declared->ticket != 0) {
    host().shard().wait_for_topology(declared->ticket, asked);
  }
  if (asks) {
    host().shard().send_to_owner(queue->owner, model::QueryQueue{queue, asked});
  }
}

void Channel::finish_declare(PendingMethod& pending) {
  if (pending.awaits_log || pending.awaits_answer) {
    return;
  }
  send(amqp::QueueDeclareOk{.queue = pending.queue->name,
                            .message_count = static_cast<std::uint32_t>(pending.message_count),
                            .consumer_count = pending.consumer_count});
  connection_.finish_pending();
}

/// The pseudo-queue of direct reply-to always exists; a full name exists while its requester waits.
void Channel::declare_reply_queue(const amqp::QueueDeclare& method, const std::string& name) {
  if (name != reply_to_queue) {
    const auto address = parse_reply_name(name);
    if (!address || !host().reply_consumers().contains(address->channel, address->key)) {
      fail(amqp::ReplyCode::not_found,
           "no queue '" + name + "' in vhost '" + access().vhost() + "'");
      return;
    }
  }
  last_queue_ = name;
  if (!method.no_wait) {
    send(amqp::QueueDeclareOk{.queue = name, .message_count = 0, .consumer_count = 1});
  }
}

/// An empty queue name stands for the last declared queue, and with an empty routing key for that
/// as well.
std::optional<model::BindingDescription> Channel::queue_binding(std::string_view queue,
                                                                std::string_view exchange,
                                                                std::string_view routing_key,
                                                                amqp::FieldTableView arguments) {
  const auto name = queue_name(model::strip_line_breaks(queue));
  if (!name) {
    return std::nullopt;
  }
  return model::BindingDescription{
      .source = model::strip_line_breaks(exchange),
      .destination_type = model::BindingDestination::queue,
      .destination = *name,
      .routing_key = queue.empty() && routing_key.empty() ? *name : std::string{routing_key},
      .arguments = arguments.decode()};
}

void Channel::handle_queue_bind(const amqp::QueueBind& method) {
  const auto binding =
      queue_binding(method.queue, method.exchange, method.routing_key, method.arguments);
  if (!binding) {
    return;
  }
  const auto ticket = host().topology().bind(access(), *binding, connection_.id());
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, method.no_wait, amqp::QueueBindOk{});
}

void Channel::handle_queue_unbind(const amqp::QueueUnbind& method) {
  const auto binding =
      queue_binding(method.queue, method.exchange, method.routing_key, method.arguments);
  if (!binding) {
    return;
  }
  const auto ticket = host().topology().unbind(access(), *binding, connection_.id());
  if (!ticket) {
    fail(ticket.error());
    return;
  }
  send_when_committed(*ticket, false, amqp::QueueUnbindOk{});
}

void Channel::handle_queue_purge(const amqp::QueuePurge& method) {
  auto queue = usable_queue(method.queue, model::Permission::read);
  if (!queue) {
    return;
  }
  PendingMethod waiting = new_pending(PendingMethod::Kind::purge_queue);
  waiting.no_wait = method.no_wait;
  waiting.awaits_answer = true;
  const model::RequestId asked = request(connection_.wait(std::move(waiting)));
  host().shard().send_to_owner(queue->owner, model::PurgeQueue{queue, asked});
}

void Channel::handle_queue_delete(const amqp::QueueDelete& method) {
  const auto name = queue_name(model::strip_line_breaks(method.queue));
  if (!name) {
    return;
  }
  if (const auto error =
          access().check(model::Resource::queue, *name, model::Permission::configure)) {
    fail(*error);
    return;
  }
  const auto queue = host().topology().usable_queue(access().vhost(), *name, connection_.id());
  if (!queue) {
    if (queue.error().code != amqp::ReplyCode::not_found) {
      fail(queue.error());
    } else if (!method.no_wait) {
      send(amqp::QueueDeleteOk{});
    }
    return;
  }
  const bool is_quorum = (*queue)->settings.type == model::QueueType::quorum;
  if (is_quorum && (method.if_unused || method.if_empty)) {
    fail(amqp::ReplyCode::not_implemented, "cannot delete " + (*queue)->described() +
                                               ". queue.delete operations with " +
                                               (method.if_unused ? "if-unused" : "if-empty") +
                                               " flag set are not supported by quorum queues");
    return;
  }
  PendingMethod waiting = new_pending(PendingMethod::Kind::delete_queue);
  waiting.no_wait = method.no_wait;
  waiting.awaits_answer = true;
  const model::RequestId asked = request(connection_.wait(std::move(waiting)));
  host().shard().send_to_owner(
      (*queue)->owner, model::DeleteQueue{*queue, method.if_unused, method.if_empty, asked});
}

void Channel::finish_delete(PendingMethod& pending) {
  if (!pending.no_wait) {
    send(amqp::QueueDeleteOk{.message_count = static_cast<std::uint32_t>(pending.message_count)});
  }
  for (const std::string& tag : pending.cancelled_tags) {
    send(amqp::BasicCancel{.consumer_tag = tag, .no_wait = true});
  }
  connection_.finish_pending();
}

}  // namespace lepus::connection
