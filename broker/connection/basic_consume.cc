#include <limits>

#include "broker/connection/channel.h"
#include "broker/connection/delivery.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/names.h"
#include "broker/model/queue_arguments.h"

// basic.qos, consume, cancel and get, and what queues deliver.

namespace lepus::connection {

namespace {

std::string invalid_argument(std::string_view argument, const model::QueueRecord& queue,
                             std::string_view why) {
  return "invalid arg '" + std::string{argument} + "' for " + queue.described() + std::string{why};
}

/// Whether deliveries show x-delivery-count.
bool shows_delivery_count(const model::QueueRecord& queue, std::uint32_t delivery_count) {
  return delivery_count != 0 && queue.settings.type == model::QueueType::quorum;
}

}  // namespace

// ---- basic.qos

void Channel::handle_qos(const amqp::BasicQos& method) {
  if (method.prefetch_size != 0) {
    fail(amqp::ReplyCode::not_implemented,
         "prefetch_size!=0 (" + std::to_string(method.prefetch_size) + ")");
    return;
  }
  std::uint16_t channel_limit = 0;
  if (method.global) {
    channel_limit = method.prefetch_count;
  } else {
    consumer_prefetch_ = method.prefetch_count;  // It lifts the channel's limit as well.
  }
  const bool was_limited = prefetch_.is_limited();
  prefetch_.set_limit(channel_limit);
  send(amqp::BasicQosOk{});  // Before what may be delivered from now on.
  if (prefetch_.is_limited() != was_limited) {
    std::vector<model::ConsumerId> ids;  // Deliveries may follow at once and look into the map.
    for (const auto& [id, consumer] : consumers_) {
      ids.push_back(id);
    }
    for (const model::ConsumerId id : ids) {
      const auto found = consumers_.find(id);
      if (found != consumers_.end()) {
        const model::QueueRecord& queue = *found->second->source->queue;
        host().shard().send_to_owner(
            queue.owner, model::ChangeChannelLimit{queue.id, id, prefetch_.is_limited()});
      }
    }
  }
  grant_tokens();
}

void Channel::token_requested(model::ConsumerId id) {
  if (consumers_.contains(id)) {
    prefetch_.requested(id);
    grant_tokens();
  }
}

void Channel::tokens_returned(model::ConsumerId id, std::uint32_t count) {
  prefetch_.returned(id, count);
  grant_tokens();
}

void Channel::grant_tokens() {
  if (!prefetch_.is_limited() || released_) [[likely]] {
    return;
  }
  prefetch_.distribute([this](model::ConsumerId id, std::uint32_t count) {
    const auto found = consumers_.find(id);
    if (found != consumers_.end()) {
      const model::QueueRecord& queue = *found->second->source->queue;
      host().shard().send_to_owner(queue.owner, model::TokenGrant{queue.id, id, count});
    }
  });
}

// ---- basic.consume and cancel

void Channel::handle_consume(const amqp::BasicConsume& method) {
  if (!method.consumer_tag.empty() && consumer_tags_.contains(method.consumer_tag)) {
    fail(amqp::ReplyCode::not_allowed,
         "attempt to reuse consumer tag '" + std::string{method.consumer_tag} + "'");
    return;
  }
  const auto& consumers_max = host().settings().consumer_max_per_channel;
  if (consumers_max && consumers_.size() >= *consumers_max) {
    fail(amqp::ReplyCode::not_allowed,
         "reached maximum (" + std::to_string(*consumers_max) + ") of consumers per channel");
    return;
  }
  std::string tag = method.consumer_tag.empty() ? "amq.ctag-" + model::random_name_part({})
                                                : std::string{method.consumer_tag};
  if (method.queue == reply_to_queue) {
    consume_replies(method, std::move(tag));
    return;
  }
  const auto queue = usable_queue(method.queue, model::Permission::read);
  if (!queue) {
    return;
  }
  if (queue->settings.type == model::QueueType::quorum && prefetch_.is_limited()) {
    fail(amqp::ReplyCode::not_implemented, queue->described() + " does not support global qos");
    return;
  }
  const auto priority = check_consumer_arguments(*queue, method.arguments);
  if (!priority) {
    return;
  }
  auto consumer = std::make_unique<ChannelConsumer>();
  consumer->id = host().next_consumer_id();
  consumer->tag = tag;
  consumer->source = new DeliverySource{.queue = queue, .consumer = consumer->id};
  consumer->arguments = std::string{method.arguments.bytes};
  if (const auto timeout = method.arguments.find("x-consumer-timeout")) {
    consumer->source->own_ack_timeout_ms = model::consumer_timeout_from(timeout->as_integer());
  }
  set_ack_timeout(*consumer->source);
  consumer->prefetch_count = consumer_prefetch_;
  consumer->no_ack = method.no_ack;
  consumer->exclusive = method.exclusive;
  model::StartConsumer start{.queue = queue,
                             .consumer = {.id = consumer->id,
                                          .channel = reference(),
                                          .tag = tag,
                                          .no_ack = method.no_ack,
                                          .exclusive = method.exclusive,
                                          .prefetch_count = consumer_prefetch_,
                                          .channel_limited = prefetch_.is_limited(),
                                          .wants_cancel_notify = connection_.wants_cancel_notify(),
                                          .priority = *priority,
                                          .arguments = method.arguments.decode(),
                                          .user = connection_.user()}};
  PendingMethod waiting = new_pending(PendingMethod::Kind::consume);
  waiting.no_wait = method.no_wait;
  waiting.consumer = consumer->id;
  waiting.tag = tag;
  consumer_tags_.emplace(std::move(tag), consumer->id);
  consumers_.emplace(consumer->id, std::move(consumer));
  start.request = request(connection_.wait(std::move(waiting)));
  host().shard().send_to_owner(queue->owner, std::move(start));
}

void Channel::started(PendingMethod& pending, model::Started&& answer) {
  if (answer.error) {
    remove_consumer(pending.consumer);
    const PendingMethod failed = connection_.finish_pending();
    fail(failed, *answer.error);
    return;
  }
  if (!pending.no_wait) {
    send(amqp::BasicConsumeOk{.consumer_tag = pending.tag});
  }
  connection_.finish_pending();
}

std::optional<std::int32_t> Channel::check_consumer_arguments(const model::QueueRecord& queue,
                                                              amqp::FieldTableView arguments) {
  const auto refuse = [&](std::string_view argument, std::string_view why) {
    fail(amqp::ReplyCode::precondition_failed, invalid_argument(argument, queue, why));
    return std::nullopt;
  };
  if (arguments.empty()) {
    return 0;
  }
  std::int64_t priority = 0;
  if (const auto value = arguments.find("x-priority")) {
    const auto given = value->as_integer();
    if (!given) {
      return refuse("x-priority", ": \"expected integer, got " +
                                      std::string{amqp::type_name(value->decode())} + "\"");
    }
    priority = *given;
  }
  const bool is_quorum = queue.settings.type == model::QueueType::quorum;
  if (const auto value = arguments.find("x-cancel-on-ha-failover")) {
    if (is_quorum) {
      return refuse("x-cancel-on-ha-failover", " of queue type rabbit_quorum_queue");
    }
    if (value->type != 't') {
      return refuse("x-cancel-on-ha-failover",
                    ": {unacceptable_type," + std::string{amqp::type_name(value->decode())} + "}");
    }
  }
  if (arguments.find("x-stream-offset")) {
    return refuse("x-stream-offset", is_quorum ? " of queue type rabbit_quorum_queue"
                                               : " of queue type rabbit_classic_queue");
  }
  using Limits = std::numeric_limits<std::int32_t>;
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(priority, Limits::min(), Limits::max()));
}

void Channel::consume_replies(const amqp::BasicConsume& method, std::string tag) {
  if (!method.no_ack) {
    fail(amqp::ReplyCode::precondition_failed, "reply consumer cannot acknowledge");
    return;
  }
  if (reply_consumer_) {
    fail(amqp::ReplyCode::precondition_failed, "reply consumer already set");
    return;
  }
  // Without a serial: the name tells only what is here, and the key is this consumer's alone.
  const ReplyAddress address{{connection_.id(), number_}, host().random_number()};
  reply_consumer_ = std::make_unique<ReplyConsumer>(std::move(tag), reply_name(address), address);
  host().reply_consumers().add(address.channel, address.key);
  if (!method.no_wait) {
    send(amqp::BasicConsumeOk{.consumer_tag = reply_consumer_->tag});
  }
}

void Channel::remove_reply_consumer() {
  if (reply_consumer_) {
    const ReplyAddress& address = reply_consumer_->address;
    host().reply_consumers().remove(address.channel, address.key);
    reply_consumer_.reset();
  }
}

void Channel::handle_cancel(const amqp::BasicCancel& method) {
  const auto found = consumer_tags_.find(method.consumer_tag);
  if (found == consumer_tags_.end()) {
    if (reply_consumer_ && reply_consumer_->tag == method.consumer_tag) {
      remove_reply_consumer();
    }
    if (!method.no_wait) {
      send(amqp::BasicCancelOk{.consumer_tag = method.consumer_tag});
    }
    return;
  }
  const model::ConsumerId id = found->second;
  const model::QueueRecord& queue = *consumers_.at(id)->source->queue;
  PendingMethod waiting = new_pending(PendingMethod::Kind::cancel);
  waiting.no_wait = method.no_wait;
  waiting.consumer = id;
  waiting.tag = std::string{method.consumer_tag};
  const model::RequestId asked = request(connection_.wait(std::move(waiting)));
  host().shard().send_to_owner(queue.owner, model::CancelConsumer{queue.id, id, asked});
}

void Channel::remove_consumer(model::ConsumerId id) {
  const auto found = consumers_.find(id);
  if (found == consumers_.end()) {
    return;
  }
  const std::unique_ptr<ChannelConsumer> consumer = std::move(found->second);
  consumers_.erase(found);
  consumer_tags_.erase(consumer->tag);
  if (last_consumer_ == consumer.get()) {
    last_consumer_ = nullptr;
  }
  prefetch_.ended(id);
  end_source(consumer->source);
}

/// The queue is gone. A client that deletes it on this very channel hears of its consumers after
/// delete-ok.
void Channel::consumer_cancelled(model::ConsumerId id) {
  const auto found = consumers_.find(id);
  if (found == consumers_.end()) {
    return;
  }
  const std::string tag = found->second->tag;
  remove_consumer(id);
  PendingMethod* pending = connection_.pending();
  const bool waits_here = pending != nullptr && pending->channel == number_;
  if (waits_here && pending->kind == PendingMethod::Kind::cancel && pending->consumer == id) {
    return;  // cancel-ok is on its way.
  }
  if (waits_here && pending->kind == PendingMethod::Kind::delete_queue) {
    if (connection_.wants_cancel_notify()) {
      pending->cancelled_tags.push_back(tag);
    }
  } else if (connection_.wants_cancel_notify()) {
    send(amqp::BasicCancel{.consumer_tag = tag, .no_wait = true});
  }
  grant_tokens();
}

// ---- deliveries

bool Channel::deliver(model::Deliver& delivery) {
  ChannelConsumer* consumer = last_consumer_;
  if (consumer == nullptr || consumer->id != delivery.consumer) {
    const auto found = consumers_.find(delivery.consumer);
    if (found == consumers_.end()) {
      return false;
    }
    consumer = last_consumer_ = found->second.get();
  }
  const std::uint64_t tag = ++last_delivery_tag_;
  send_delivery(*consumer, delivery, tag);
  if (delivery.no_ack) {
    ++counters_.deliver_no_ack;
  } else {
    ++counters_.deliver;
    const std::int64_t now_ms = host().clock().steady_ms();
    unacked_.add(tag, *consumer->source, delivery.place, now_ms);
    connection_.note_ack_due(now_ms + consumer->source->ack_timeout_ms);
    prefetch_.delivered(consumer->id);
  }
  counters_.redeliver += delivery.redelivered ? 1 : 0;
  connection_.note_delivery(consumer->source->queue->owner,
                            model::delivery_cost_bytes(*delivery.message));
  if (connection_.is_traced()) [[unlikely]] {
    trace_delivery(*delivery.message, *consumer->source->queue, delivery.redelivered);
  }
  return true;
}

void Channel::send_delivery(const ChannelConsumer& consumer, const model::Deliver& delivery,
                            std::uint64_t tag) {
  const model::MessagePtr& message = delivery.message;
  const amqp::BasicDeliver method{.consumer_tag = consumer.tag,
                                  .delivery_tag = {tag},
                                  .redelivered = delivery.redelivered,
                                  .exchange = message->exchange(),
                                  .routing_key = message->routing_key()};
  if (shows_delivery_count(*consumer.source->queue, delivery.delivery_count)) [[unlikely]] {
    append_content(connection_.output(), number_, method,
                   with_delivery_count(message->properties(), delivery.delivery_count), message,
                   connection_.frame_max_bytes());
    return;
  }
  append_content(connection_.output(), number_, method, message->properties(), message,
                 connection_.frame_max_bytes());
}

bool Channel::deliver_reply(const ReplyAddress& address, const model::MessagePtr& message) {
  if (!reply_consumer_ || reply_consumer_->address != address) {
    return false;
  }
  if (connection_.output().size_bytes() > Connection::replies_waiting_bytes_max * 4) {
    return true;  // A requester that doesn't read loses replies, as it would with a cut connection.
  }
  append_content(connection_.output(), number_,
                 amqp::BasicDeliver{.consumer_tag = reply_consumer_->tag,
                                    .delivery_tag = {++last_delivery_tag_},
                                    .exchange = message->exchange(),
                                    .routing_key = message->routing_key()},
                 message->properties(), message, connection_.frame_max_bytes());
  ++counters_.deliver_no_ack;
  connection_.mark_dirty();
  return true;
}

// ---- basic.get

void Channel::handle_get(const amqp::BasicGet& method) {
  auto queue = usable_queue(method.queue, model::Permission::read);
  if (!queue) {
    return;
  }
  if (queue->settings.type == model::QueueType::quorum && queue->settings.single_active_consumer) {
    fail(amqp::ReplyCode::resource_locked,
         "cannot obtain access to locked " + queue->described() +
             ". basic.get operations are not supported by quorum queues with single active "
             "consumer");
    return;
  }
  PendingMethod waiting = new_pending(PendingMethod::Kind::get);
  waiting.no_ack = method.no_ack;
  waiting.queue = queue;
  const model::RequestId asked = request(connection_.wait(std::move(waiting)));
  host().shard().send_to_owner(queue->owner, model::GetMessage{queue, method.no_ack, asked});
}

void Channel::got(PendingMethod& pending, model::Got&& answer) {
  const PendingMethod get = connection_.finish_pending();
  static_cast<void>(pending);  // It is gone now.
  if (answer.error) {
    fail(get, *answer.error);
    return;
  }
  if (!answer.message) {
    ++counters_.get_empty;
    send(amqp::BasicGetEmpty{});
    return;
  }
  const std::uint64_t tag = ++last_delivery_tag_;
  if (get.no_ack) {
    ++counters_.get_no_ack;
  } else {
    ++counters_.get;
    DeliverySource& source = get_source(get.queue);
    const std::int64_t now_ms = host().clock().steady_ms();
    unacked_.add(tag, source, answer.place, now_ms);
    connection_.note_ack_due(now_ms + source.ack_timeout_ms);
  }
  counters_.redeliver += answer.redelivered ? 1 : 0;
  const model::MessagePtr& message = answer.message;
  const std::string changed =
      shows_delivery_count(*get.queue, answer.delivery_count)
          ? with_delivery_count(message->properties(), answer.delivery_count)
          : std::string{};
  append_content(
      connection_.output(), number_,
      amqp::BasicGetOk{.delivery_tag = {tag},
                       .redelivered = answer.redelivered,
                       .exchange = message->exchange(),
                       .routing_key = message->routing_key(),
                       .message_count = static_cast<std::uint32_t>(answer.message_count)},
      changed.empty() ? message->properties() : std::string_view{changed}, message,
      connection_.frame_max_bytes());
  connection_.mark_dirty();
  if (connection_.is_traced()) [[unlikely]] {
    trace_delivery(*message, *get.queue, answer.redelivered);
  }
}

DeliverySource& Channel::get_source(const std::shared_ptr<model::QueueRecord>& queue) {
  DeliverySource*& source = get_sources_[queue->id];
  if (source == nullptr) {
    source = new DeliverySource{.queue = queue};
    set_ack_timeout(*source);
  }
  return *source;
}

}  // namespace lepus::connection
