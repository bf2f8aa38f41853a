#include "broker/connection/channel.h"

#include "amqp/erlang_term.h"
#include "broker/connection/shard_connections.h"

namespace lepus::connection {

Channel::Channel(Connection& connection, std::uint16_t number, std::uint32_t serial)
    : connection_(connection),
      number_(number),
      serial_(serial),
      last_used_ms_(connection.host().clock().wall_ms()) {}

Channel::~Channel() {
  connection_.release(*this);
  host().add_to_totals(counters_);
}

void Channel::handle(const amqp::Frame& frame) {
  if (closing_) [[unlikely]] {
    handle_closing(frame);
    return;
  }
  switch (content_.accept(frame)) {
    case amqp::ContentStep::method:
      handle_method(frame.payload);
      return;
    case amqp::ContentStep::header:
      begin_message();
      return;
    case amqp::ContentStep::body:
      incoming_->append_body(frame.payload);
      if (content_.complete()) {
        finish_message();
      }
      return;
    case amqp::ContentStep::error:
      connection_.fail(content_.error());
      return;
  }
}

void Channel::handle_closing(const amqp::Frame& frame) {
  if (frame.type != amqp::FrameType::method) {
    return;
  }
  switch (amqp::peek_method_key(frame.payload)) {
    case amqp::method_key<amqp::ChannelClose>:
      send(amqp::ChannelCloseOk{});  // Both sides close: the client's close-ok is still to come.
      return;
    case amqp::method_key<amqp::ChannelCloseOk>:
      finished_ = true;
      return;
    case amqp::method_key<amqp::ChannelOpen>:
      run(&Channel::handle_channel_open, frame.payload);
      return;
    default:
      return;
  }
}

template <typename Method>
void Channel::run(void (Channel::*handler)(const Method&), std::string_view payload) {
  Method method;
  const std::string_view arguments = payload.substr(amqp::method_ids_bytes);
  if (!amqp::decode_arguments(arguments, method)) [[unlikely]] {
    connection_.fail(amqp::DecodeError{amqp::DecodeError::Kind::undecodable_arguments,
                                       amqp::id_of_method<Method>, arguments}
                         .to_protocol_error());
    return;
  }
  if (!amqp::has_valid_texts(method)) [[unlikely]] {
    connection_.fail(malformed_text({}));
    return;
  }
  current_ = amqp::id_of_method<Method>;
  (this->*handler)(method);
}

void Channel::handle_method(std::string_view payload) {
  switch (amqp::peek_method_key(payload)) {
    case amqp::method_key<amqp::BasicPublish>:
      return handle_publish(payload);
    case amqp::method_key<amqp::BasicAck>:
      return run(&Channel::handle_ack, payload);
    case amqp::method_key<amqp::BasicNack>:
      return run(&Channel::handle_nack, payload);
    case amqp::method_key<amqp::BasicReject>:
      return run(&Channel::handle_reject, payload);
    case amqp::method_key<amqp::BasicGet>:
      return run(&Channel::handle_get, payload);
    case amqp::method_key<amqp::BasicConsume>:
      return run(&Channel::handle_consume, payload);
    case amqp::method_key<amqp::BasicCancel>:
      return run(&Channel::handle_cancel, payload);
    case amqp::method_key<amqp::BasicQos>:
      return run(&Channel::handle_qos, payload);
    case amqp::method_key<amqp::BasicRecover>:
      return run(&Channel::handle_recover, payload);
    case amqp::method_key<amqp::BasicRecoverAsync>:
      return run(&Channel::handle_recover_async, payload);
    case amqp::method_key<amqp::QueueDeclare>:
      return run(&Channel::handle_queue_declare, payload);
    case amqp::method_key<amqp::QueueBind>:
      return run(&Channel::handle_queue_bind, payload);
    case amqp::method_key<amqp::QueueUnbind>:
      return run(&Channel::handle_queue_unbind, payload);
    case amqp::method_key<amqp::QueuePurge>:
      return run(&Channel::handle_queue_purge, payload);
    case amqp::method_key<amqp::QueueDelete>:
      return run(&Channel::handle_queue_delete, payload);
    case amqp::method_key<amqp::ExchangeDeclare>:
      return run(&Channel::handle_exchange_declare, payload);
    case amqp::method_key<amqp::ExchangeDelete>:
      return run(&Channel::handle_exchange_delete, payload);
    case amqp::method_key<amqp::ExchangeBind>:
      return run(&Channel::handle_exchange_bind, payload);
    case amqp::method_key<amqp::ExchangeUnbind>:
      return run(&Channel::handle_exchange_unbind, payload);
    case amqp::method_key<amqp::ConfirmSelect>:
      return run(&Channel::handle_confirm_select, payload);
    case amqp::method_key<amqp::TxSelect>:
      return run(&Channel::handle_tx_select, payload);
    case amqp::method_key<amqp::TxCommit>:
      return run(&Channel::handle_tx_commit, payload);
    case amqp::method_key<amqp::TxRollback>:
      return run(&Channel::handle_tx_rollback, payload);
    case amqp::method_key<amqp::ChannelOpen>:
      return run(&Channel::handle_channel_open, payload);
    case amqp::method_key<amqp::ChannelClose>:
      return run(&Channel::handle_channel_close, payload);
    case amqp::method_key<amqp::ChannelFlow>:
      return run(&Channel::handle_channel_flow, payload);
    case amqp::method_key<amqp::AccessRequest>:
      return run(&Channel::handle_access_request, payload);
    default:  // A number from outside.
      return refuse_unknown_method(payload);
  }
}

/// Methods that only servers send or that belong to channel 0, and numbers that are no method at
/// all.
void Channel::refuse_unknown_method(std::string_view payload) {
  const auto method = amqp::decode_method(payload);
  if (method) {
    connection_.fail(
        {amqp::ReplyCode::command_invalid, "unimplemented method", amqp::peek_method_id(payload)});
  } else {
    connection_.fail(method.error().to_protocol_error());
  }
}

void Channel::handle_channel_open(const amqp::ChannelOpen&) {
  connection_.fail({amqp::ReplyCode::channel_error, "second 'channel.open' seen",
                    amqp::id_of_method<amqp::ChannelOpen>});
}

void Channel::handle_channel_close(const amqp::ChannelClose&) {
  finished_ = true;
  connection_.release_and_send(*this, frame_of(amqp::ChannelCloseOk{}));
}

void Channel::handle_channel_flow(const amqp::ChannelFlow& method) {
  if (!method.active) {
    fail(amqp::ReplyCode::not_implemented, "active=false");
    return;
  }
  send(amqp::ChannelFlowOk{.active = true});
}

void Channel::handle_access_request(const amqp::AccessRequest&) {
  send(amqp::AccessRequestOk{});
}

// ---- errors

void Channel::fail(amqp::ReplyCode code, std::string_view text) {
  fail(code, text, current_);
}

void Channel::fail(const PendingMethod& pending, const model::ProtocolError& error) {
  fail(error.code, error.text, {pending.class_id, pending.method_id});
}

void Channel::fail(amqp::ReplyCode code, std::string_view text, amqp::MethodId method) {
  if (amqp::is_hard(code)) {
    connection_.fail({code, std::string{text}, method});
    return;
  }
  const std::string reply_text = amqp::reply_text(code, text);
  closing_ = true;
  connection_.release_and_send(*this,
                               frame_of(amqp::ChannelClose{.reply_code = amqp::to_number(code),
                                                           .reply_text = reply_text,
                                                           .failing_class_id = method.class_id,
                                                           .failing_method_id = method.method_id}));
}

void Channel::release(Departure& departure) {
  if (released_) {
    return;
  }
  released_ = true;
  content_.reset();
  incoming_.reset();
  connection_.discharge_incomplete_body(std::exchange(incomplete_bytes_, 0));
  remove_reply_consumer();
  leave_queues(departure);
}

// ---- answers of the topology and of queues' owners

PendingMethod Channel::new_pending(PendingMethod::Kind kind) const {
  PendingMethod pending;
  pending.kind = kind;
  pending.channel = number_;
  pending.class_id = current_.class_id;
  pending.method_id = current_.method_id;
  return pending;
}

model::RequestId Channel::request(const PendingMethod& pending) const {
  return {reference(), pending.serial};
}

void Channel::reply_when_committed(model::TopologyTicket ticket, std::string reply) {
  if (ticket == 0) {
    connection_.send_frame(reply);
    return;
  }
  PendingMethod waiting = new_pending(PendingMethod::Kind::reply);
  waiting.reply = std::move(reply);
  const PendingMethod& pending = connection_.wait(std::move(waiting));
  host().shard().wait_for_topology(ticket, request(pending));
}

void Channel::done(PendingMethod& pending, model::Done&& answer) {
  if (answer.error) {
    const PendingMethod failed = connection_.finish_pending();
    fail(failed, *answer.error);
    return;
  }
  switch (pending.kind) {
    case PendingMethod::Kind::reply:
      connection_.send_frame(pending.reply);
      connection_.finish_pending();
      return;
    case PendingMethod::Kind::declare_queue:
      pending.awaits_log = false;
      finish_declare(pending);
      return;
    case PendingMethod::Kind::cancel:
      remove_consumer(pending.consumer);
      if (!pending.no_wait) {
        send(amqp::BasicCancelOk{.consumer_tag = pending.tag});
      }
      connection_.finish_pending();
      grant_tokens();
      return;
    case PendingMethod::Kind::delete_queue:
    case PendingMethod::Kind::purge_queue:
    case PendingMethod::Kind::consume:
    case PendingMethod::Kind::get:
    case PendingMethod::Kind::commit:
    case PendingMethod::Kind::departure:
      LEPUS_ASSERT(false, "these are not answered by Done");
  }
}

void Channel::counted(PendingMethod& pending, model::Counted&& answer) {
  if (answer.error) {
    const PendingMethod failed = connection_.finish_pending();
    fail(failed, *answer.error);
    return;
  }
  pending.message_count = answer.message_count;
  pending.consumer_count = answer.consumer_count;
  pending.awaits_answer = false;
  switch (pending.kind) {
    case PendingMethod::Kind::declare_queue:
      finish_declare(pending);
      return;
    case PendingMethod::Kind::delete_queue:
      finish_delete(pending);
      return;
    case PendingMethod::Kind::purge_queue:
      if (!pending.no_wait) {
        send(amqp::QueuePurgeOk{.message_count = static_cast<std::uint32_t>(answer.message_count)});
      }
      connection_.finish_pending();
      return;
    case PendingMethod::Kind::reply:
    case PendingMethod::Kind::consume:
    case PendingMethod::Kind::cancel:
    case PendingMethod::Kind::get:
    case PendingMethod::Kind::commit:
    case PendingMethod::Kind::departure:
      LEPUS_ASSERT(false, "these are not answered by Counted");
  }
}

// ---- queues by name

std::optional<std::string> Channel::queue_name(std::string_view name) {
  if (!name.empty()) {
    return std::string{name};
  }
  if (last_queue_.empty()) {
    fail(amqp::ReplyCode::not_found, "no previously declared queue");
    return std::nullopt;
  }
  return last_queue_;
}

std::shared_ptr<model::QueueRecord> Channel::usable_queue(std::string_view given,
                                                          model::Permission permission) {
  const auto name = queue_name(given);
  if (!name) {
    return nullptr;
  }
  if (const auto error = access().check(model::Resource::queue, *name, permission)) {
    fail(*error);
    return nullptr;
  }
  auto queue = host().topology().usable_queue(access().vhost(), *name, connection_.id());
  if (!queue) {
    fail(queue.error());
    return nullptr;
  }
  return *queue;
}

// ---- for management

model::ChannelRow Channel::row() const {
  model::ChannelRow row;
  row.connection = connection_.id();
  row.number = number_;
  row.connection_name = connection_.peer().name();
  row.peer_host = connection_.peer().peer_host;
  row.peer_port = connection_.peer().peer_port;
  row.vhost = connection_.vhost();
  row.user = connection_.user();
  row.confirm = mode_ == Mode::confirm;
  row.transactional = mode_ == Mode::transaction;
  row.closing = closing_;
  row.consumer_count = static_cast<std::uint32_t>(consumers_.size() + (reply_consumer_ ? 1U : 0U));
  row.prefetch_count = consumer_prefetch_;
  row.global_prefetch_count = prefetch_.limit();
  row.messages_unacknowledged = unacked_.size();
  row.messages_unconfirmed = confirms_.unconfirmed();
  if (transaction_) {
    row.messages_uncommitted = transaction_->publishes.size();
    row.acks_uncommitted = transaction_->held_acks();
  }
  row.idle_since_ms = last_used_ms_;
  row.messages = counters_;
  return row;
}

void Channel::append_rows(std::vector<model::ConsumerRow>& rows) const {
  for (const auto& [id, consumer] : consumers_) {
    model::ConsumerRow row;
    row.connection = connection_.id();
    row.channel = number_;
    row.id = id;
    row.connection_name = connection_.peer().name();
    row.peer_host = connection_.peer().peer_host;
    row.peer_port = connection_.peer().peer_port;
    row.user = connection_.user();
    row.vhost = connection_.vhost();
    row.queue = consumer->source->queue->name;
    row.queue_id = consumer->source->queue->id;
    row.tag = consumer->tag;
    row.ack_required = !consumer->no_ack;
    row.exclusive = consumer->exclusive;
    row.prefetch_count = consumer->prefetch_count;
    row.arguments = amqp::FieldTableView{consumer->arguments}.decode();
    rows.push_back(std::move(row));
  }
}

}  // namespace lepus::connection
