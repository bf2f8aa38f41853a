#include <algorithm>

#include "broker/connection/channel.h"
#include "broker/connection/delivery.h"
#include "broker/connection/publish_properties.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/delay_header.h"
#include "broker/model/router.h"

// basic.publish: from the method over the checks at its header to the queues. The checks are made
// as soon as the header is there, so that a refused body is skipped instead of collected.

namespace lepus::connection {

void Channel::handle_publish(std::string_view payload) {
  amqp::BasicPublish method;
  const std::string_view arguments = payload.substr(amqp::method_ids_bytes);
  current_ = amqp::id_of_method<amqp::BasicPublish>;
  if (!amqp::decode_arguments(arguments, method)) [[unlikely]] {
    connection_.fail(
        amqp::DecodeError{amqp::DecodeError::Kind::undecodable_arguments, current_, arguments}
            .to_protocol_error());
    return;
  }
  if (method.immediate) [[unlikely]] {
    fail(amqp::ReplyCode::not_implemented, "immediate=true");
    return;
  }
  publish_names_.assign(method.exchange);
  publish_names_.append(method.routing_key);
  publish_exchange_bytes_ = static_cast<std::uint8_t>(method.exchange.size());
  publish_mandatory_ = method.mandatory;
  content_.begin(current_);
}

void Channel::begin_message() {
  const amqp::ContentHeader& header = content_.header();
  const amqp::PropertyScan& properties = content_.properties();
  const std::string_view names = publish_names_;
  const std::string_view exchange = names.substr(0, publish_exchange_bytes_);
  const std::string_view routing_key = names.substr(publish_exchange_bytes_);
  current_ = amqp::id_of_method<amqp::BasicPublish>;
  const std::uint64_t size_max_bytes = host().settings().max_message_size_bytes;
  if (header.body_size_bytes > size_max_bytes) [[unlikely]] {
    fail(amqp::ReplyCode::precondition_failed,
         "message size " + std::to_string(header.body_size_bytes) +
             " is larger than configured max size " + std::to_string(size_max_bytes));
    return;
  }
  if (!find_target(exchange) || !check_publish(exchange, routing_key, properties)) {
    return;
  }
  model::Message::Traits traits;
  traits.persistent = properties.persistent();
  traits.priority = properties.priority.value_or(0);
  traits.published_ms = host().wall_ms();
  if (properties.expiration) [[unlikely]] {
    const auto expiration_ms = parse_expiration(*properties.expiration);
    if (!expiration_ms) {
      fail(expiration_ms.error());
      return;
    }
    traits.has_expiration = true;
    traits.expiration_ms = *expiration_ms;
  }
  publish_by_headers_ = false;
  const bool asks_for_reply = properties.reply_to && *properties.reply_to == reply_to_queue;
  std::string_view property_bytes = header.property_bytes;
  std::string rewritten;
  if (may_have_extra_keys(properties.headers)) [[unlikely]] {
    if (const auto error = check_extra_keys(properties.headers)) {
      fail(*error);
      return;
    }
    publish_by_headers_ = true;
    publish_original_headers_.assign(properties.headers.bytes);
  }
  if (publish_by_headers_ || asks_for_reply) [[unlikely]] {
    rewritten = rewrite_properties(
        property_bytes,
        asks_for_reply ? std::optional<std::string_view>{reply_consumer_->name} : std::nullopt);
    property_bytes = rewritten;
  }
  if (!content_.complete()) {
    if (!connection_.charge_incomplete_body(header.body_size_bytes)) [[unlikely]] {
      fail(amqp::ReplyCode::content_too_large,
           "incomplete messages of the connection are larger than " +
               std::to_string(Connection::incomplete_bodies_bytes_max) + " bytes");
      return;
    }
    incomplete_bytes_ = header.body_size_bytes;
  }
  incoming_ =
      model::Message::create(exchange, routing_key, property_bytes, header.body_size_bytes, traits);
  if (content_.complete()) {
    finish_message();
  }
}

/// Permission and existence of the exchange. What the last publish found is good as long as nothing
/// changed there.
bool Channel::find_target(std::string_view exchange) {
  if (const auto error = access().check(model::Resource::exchange, exchange,
                                        model::Permission::write)) [[unlikely]] {
    fail(*error);
    return false;
  }
  if (target_ && target_->name() == exchange &&
      (target_->is_default() || target_->version() == target_version_)) [[likely]] {
    return true;
  }
  target_ = host().topology().find_exchange(access().vhost(), exchange);
  if (!target_) {
    fail(amqp::ReplyCode::not_found, "no " + model::describe_exchange(access().vhost(), exchange));
    return false;
  }
  target_version_ = target_->version();
  return true;
}

bool Channel::check_publish(std::string_view exchange, std::string_view routing_key,
                            const amqp::PropertyScan& properties) {
  if (target_->is_internal()) [[unlikely]] {
    fail(amqp::ReplyCode::access_refused, "cannot publish to internal " + target_->described());
    return false;
  }
  if (target_->type() == model::ExchangeType::topic) {
    if (const auto error = access().check_topic(exchange, routing_key, model::Permission::write)) {
      fail(*error);
      return false;
    }
  }
  return check_properties(properties);
}

bool Channel::check_properties(const amqp::PropertyScan& properties) {
  if (properties.reply_to && *properties.reply_to == reply_to_queue && !reply_consumer_) {
    fail(amqp::ReplyCode::precondition_failed, "fast reply consumer does not exist");
    return false;
  }
  if (properties.user_id && *properties.user_id != connection_.user() &&
      !access().may_impersonate()) {
    fail(amqp::ReplyCode::precondition_failed,
         "user_id property set to '" + std::string{*properties.user_id} +
             "' but authenticated user was '" + connection_.user() + "'");
    return false;
  }
  return true;
}

void Channel::finish_message() {
  connection_.discharge_incomplete_body(std::exchange(incomplete_bytes_, 0));
  boost::intrusive_ptr<model::Message> message{std::move(incoming_)};
  ++counters_.publish;
  last_used_ms_ = host().wall_ms();
  const model::Route& found = route(*message);
  if (connection_.is_traced()) [[unlikely]] {
    trace_publish(*message, found);
  }
  PublishExtras extras;
  if (publish_by_headers_) [[unlikely]] {
    extras.delayed = delayed_copy(found, *message);
  }
  if (publish_by_headers_ || message->routing_key().starts_with(reply_to_prefix)) [[unlikely]] {
    extras.requesters = requesters_of(*message);
  }
  if (mode_ == Mode::transaction) [[unlikely]] {
    hold_publish(found, std::move(message), std::move(extras));
  } else {
    publish_to(found.queues, std::move(message), extras, publish_mandatory_);
  }
  if (publish_by_headers_) [[unlikely]] {
    std::string{}.swap(publish_original_headers_);  // Idle channels are to be small.
  }
  connection_.note_publish();
}

/// What is delayed keeps BCC, since it is routed once more when it is due.
model::MessagePtr Channel::delayed_copy(const model::Route& route,
                                        const model::Message& message) const {
  return std::ranges::any_of(route.queues, [](const auto& queue) { return queue->delays; })
             ? model::with_headers(message, publish_original_headers_)
             : nullptr;
}

/// Valid until the next look-up.
const model::Route& Channel::route(const model::Message& message) {
  const auto look_up = [&](const amqp::BasicProperties* properties) -> const model::Route& {
    return host().routes().route(access().vhost(), message.exchange(), message.routing_key(),
                                 properties);
  };
  if (!publish_by_headers_ && target_->routes_by_keys_alone()) [[likely]] {
    const model::Route& found = look_up(nullptr);
    if (!found.needs_properties) [[likely]] {
      return found;
    }
    // Bindings or alternate exchanges lead to an exchange that asks for them.
  }
  auto properties = amqp::decode_properties(message.properties()).value_or(amqp::BasicProperties{});
  if (publish_by_headers_) {
    properties.headers = amqp::FieldTableView{publish_original_headers_};
  }
  return look_up(&properties);
}

void Channel::handle_unrouted(const std::vector<std::shared_ptr<model::QueueRecord>>& queues,
                              const model::MessagePtr& message,
                              const std::vector<ReplyAddress>& requesters, bool mandatory) {
  // What is delayed has found no queue yet, although it will come.
  const bool has_queue =
      mandatory ? std::ranges::any_of(queues, [](const auto& queue) { return !queue->delays; })
                : !queues.empty();
  bool is_routed = has_queue;
  for (const ReplyAddress& requester : requesters) {
    is_routed |= send_reply(requester, message);
  }
  if (is_routed) {
    return;
  }
  if (mandatory) {
    // Clients that count acks by hand expect one of the earlier publishes here, not a multiple
    // one that covers them and this one after the return.
    if (mode_ == Mode::confirm) {
      send_confirms();
    }
    return_message(message);
  } else {
    ++counters_.drop_unroutable;
  }
}

void Channel::publish_to(const std::vector<std::shared_ptr<model::QueueRecord>>& queues,
                         model::MessagePtr message, const PublishExtras& extras, bool mandatory) {
  handle_unrouted(queues, message, extras.requesters, mandatory);
  std::uint64_t number = 0;
  if (mode_ != Mode::plain) {
    number = confirms_.add(queues.size());
    mark_confirms();
  }
  model::Shard& shard = host().shard();
  const model::PublisherRef publisher{reference(), number};
  for (std::size_t index = 0; index < queues.size(); ++index) {
    const model::QueueRecord& queue = *queues[index];
    connection_.note_published_to(queue.owner);
    const bool is_last = index + 1 == queues.size();
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the last takes it.
    model::MessagePtr copy = is_last ? std::move(message) : message;
    if (queue.delays && extras.delayed != nullptr) [[unlikely]] {
      copy = extras.delayed;
    }
    const model::PublishAnswer answer = shard.publish(queue, std::move(copy), publisher);
    if (number != 0 && answer != model::PublishAnswer::later) {
      confirms_.answered(number, answer == model::PublishAnswer::refused);
    }
  }
}

void Channel::mark_confirms() {
  if (!confirms_marked_ && mode_ == Mode::confirm) {
    confirms_marked_ = true;
    connection_.mark_confirms(number_);
  }
}

/// Those whom keys of a publish to the default exchange name.
std::vector<ReplyAddress> Channel::requesters_of(const model::Message& message) const {
  std::vector<ReplyAddress> requesters;
  if (!message.exchange().empty()) {
    return requesters;
  }
  const amqp::FieldTable headers = publish_by_headers_
                                       ? amqp::FieldTableView{publish_original_headers_}.decode()
                                       : amqp::FieldTable{};
  for (const std::string_view key : model::routing_keys_of(message.routing_key(), &headers)) {
    const auto address = key.starts_with(reply_to_prefix) ? parse_reply_name(key) : std::nullopt;
    if (address && std::ranges::find(requesters, *address) == requesters.end()) {
      requesters.push_back(*address);
    }
  }
  return requesters;
}

/// To a requester that waits for it on amq.rabbitmq.reply-to, here or on another shard.
/// @return false if it is gone.
bool Channel::send_reply(const ReplyAddress& requester, const model::MessagePtr& message) {
  const model::ShardIndex shard = model::shard_of(requester.channel.connection);
  if (shard == host().index()) {
    return host().deliver_reply(requester, message);
  }
  if (!host().reply_consumers().contains(requester.channel, requester.key)) {
    return false;
  }
  host().shard().send_to_owner(shard,
                               model::DirectReply{requester.channel, requester.key, message});
  return true;
}

void Channel::return_message(const model::MessagePtr& message) {
  ++counters_.return_unroutable;
  append_content(connection_.output(), number_,
                 amqp::BasicReturn{.reply_code = amqp::to_number(amqp::ReplyCode::no_route),
                                   .reply_text = amqp::reply_name(amqp::ReplyCode::no_route),
                                   .exchange = message->exchange(),
                                   .routing_key = message->routing_key()},
                 message->properties(), message, connection_.frame_max_bytes());
  connection_.mark_dirty();
}

void Channel::hold_publish(const model::Route& route, boost::intrusive_ptr<model::Message> message,
                           PublishExtras extras) {
  if (charge_transaction(message->memory_bytes())) {
    transaction_->publishes.push_back(
        {std::move(message), route.queues, std::move(extras), publish_mandatory_});
  }
}

void Channel::confirmed(const std::vector<std::uint64_t>& numbers, bool refused) {
  for (const std::uint64_t number : numbers) {
    confirms_.answered(number, refused);
  }
  if (mode_ == Mode::transaction) {
    finish_commit_if_answered();
  } else if (!released_) {
    mark_confirms();
  }
}

}  // namespace lepus::connection
