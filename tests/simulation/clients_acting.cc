#include <algorithm>
#include <array>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/connection/channel.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/world.h"

// What a client does by itself: publishers, consumers, getters and the administrator.

namespace lepus::simulation {

namespace {

constexpr std::size_t outgoing_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t unconfirmed_max = 300;

}  // namespace

void Client::act(bool calm) {
  if (connection_ == nullptr) {
    if (!calm) {
      connect();
    }
    return;
  }
  if (role_ == Role::administrator) {
    act_as_administrator(calm);
    return;
  }
  if (role_ == Role::drainer || outgoing_.size() > outgoing_bytes_max) {
    return;
  }
  Random& random = world_.random;
  if (!calm && random.one_in(reads_ ? 60 : 25)) {
    reads_ = !reads_;
    return;
  }
  if (channels_.empty() || (!calm && channels_.size() < 3 && random.one_in(60))) {
    if (!calm) {
      open_channel();
    }
    return;
  }
  for (auto& [number, channel] : channels_) {
    if (channel.closing || (!calm && channels_.size() > 1 && random.one_in(2))) {
      continue;
    }
    if (!calm && random.one_in(150)) {
      close_channel(number);
      return;
    }
    if (role_ == Role::publisher && !calm) {
      act_as_publisher(number, channel);
    } else if (role_ == Role::consumer) {
      act_as_consumer(number, channel, calm);
    } else if (role_ == Role::getter) {
      act_as_getter(number, channel, calm);
    } else if (role_ == Role::transactor) {
      act_as_transactor(number, channel, calm);
    }
  }
}

void Client::act_as_publisher(std::uint16_t number, ClientChannel& channel) {
  if (channel.publisher->unconfirmed.size() < unconfirmed_max) {
    for (std::size_t count = world_.random.between(1, 5); count > 0; --count) {
      publish(number, channel);
    }
  }
}

void Client::publish(std::uint16_t number, ClientChannel& channel) {
  Random& random = world_.random;
  Publisher& publisher = *channel.publisher;
  const bool to_all = random.one_in(8);
  const auto queue = static_cast<std::uint32_t>(random.below(world_.queues.size()));
  const bool persistent = !random.one_in(4);
  const auto priority = static_cast<std::uint8_t>(random.below(3));
  std::size_t size_bytes = random.one_in(10) ? random.below(6000) : random.below(200);
  if (world_.has_large_messages && random.one_in(2)) {
    size_bytes = random.between(100'000, 600'000);
  }
  const std::uint64_t message_number = ++publisher.last_number;
  const std::string body = make_body(publisher.id, message_number, size_bytes);
  std::optional<std::int64_t> expiration_ms;
  if (world_.has_expiring_messages && random.one_in(8)) {
    expiration_ms = static_cast<std::int64_t>(random.below(3000));
  }
  std::vector<MessageName> names;
  for (std::uint32_t target = 0; target < world_.queues.size(); ++target) {
    if (to_all || target == queue) {
      names.push_back({target, publisher.id, message_number});
      world_.checker.published(
          names.back(), {.persistent = persistent,
                         .priority = priority,
                         .body_bytes = body.size(),
                         .expiration_ms = expiration_ms,
                         .transaction = channel.transaction ? channel.transaction->number : 0});
    }
  }
  amqp::BasicProperties properties;
  properties.delivery_mode = persistent ? amqp::persistent_delivery_mode : std::uint8_t{1};
  properties.priority = priority;
  const std::string expiration = expiration_ms ? std::to_string(*expiration_ms) : std::string{};
  if (expiration_ms) {
    properties.expiration = expiration;
  }
  amqp::append_content(outgoing_, amqp::ChannelNumber{number},
                       amqp::BasicPublish{.exchange = to_all ? "amq.fanout" : "",
                                          .routing_key = world_.queues[queue].name},
                       amqp::encode_properties(properties), body, frame_max_bytes);
  world_.trace("{} {} publishes {}{}{}, {} octets", to_text(role_), number_, to_text(names.front()),
               to_all ? " and all others" : "", persistent ? "" : " (transient)", body.size());
  if (publisher.confirms) {
    publisher.unconfirmed.emplace(message_number, std::move(names));
  }
}

void Client::start_consumer(std::uint16_t number, ClientChannel& channel) {
  const auto queue = static_cast<std::uint32_t>(world_.random.below(world_.queues.size()));
  if (channel.has_global_qos && world_.queues[queue].quorum) {
    return;
  }
  const std::string tag = fmt::format("{}-{}", queue, ++last_consumer_);
  const bool no_ack = world_.random.one_in(6);
  amqp::FieldTable arguments;
  if (world_.random.one_in(3)) {
    arguments.set("x-priority", static_cast<std::int64_t>(world_.random.below(4)) - 1);
  }
  const std::string encoded = arguments.encode();
  send(number, amqp::BasicConsume{.queue = world_.queues[queue].name,
                                  .consumer_tag = tag,
                                  .no_ack = no_ack,
                                  .arguments = {encoded}});
  ++channel.requests;
  channel.consumers[tag] = {queue, no_ack};
  world_.trace("{} {} consumes {} on channel {}{}", to_text(role_), number_, tag, number,
               no_ack ? " without acks" : "");
}

void Client::act_as_consumer(std::uint16_t number, ClientChannel& channel, bool calm) {
  Random& random = world_.random;
  if (calm) {
    settle_some(number, channel, true);
    return;
  }
  if (channel.consumers.size() < 3 && random.one_in(channel.consumers.empty() ? 4 : 30)) {
    start_consumer(number, channel);
  } else if (!channel.consumers.empty() && random.one_in(60)) {
    auto& [tag, consumer] = *channel.consumers.begin();
    if (!consumer.cancelling) {
      consumer.cancelling = true;
      channel.observed->has_cancelled = true;
      send(number, amqp::BasicCancel{.consumer_tag = tag});
      ++channel.requests;
      world_.trace("consumer {} cancels {}", number_, tag);
    }
  } else if (random.one_in(150) && !channel.recovering) {
    channel.recovering = true;
    channel.unacked.clear();
    world_.checker.recovering(reference(number));
    send(number, amqp::BasicRecover{.requeue = true});
    ++channel.requests;
    world_.trace("consumer {} recovers channel {}", number_, number);
  } else if (random.one_in(200)) {
    channel.has_global_qos = true;
    channel.observed->channel_prefetch = 0;  // What holds meanwhile is not certain.
    send(number, amqp::BasicQos{.prefetch_count = static_cast<std::uint16_t>(random.below(8)),
                                .global = true});
    ++channel.requests;
  } else {
    settle_some(number, channel, false);
  }
}

void Client::settle_some(std::uint16_t number, ClientChannel& channel, bool calm) {
  if (channel.unacked.empty() || channel.recovering) {
    return;
  }
  if (calm) {
    settle(number, channel, channel.unacked.rbegin()->first, true, Settling::ack, false);
    return;
  }
  Random& random = world_.random;
  auto place = channel.unacked.begin();
  std::advance(place, random.below(std::min<std::size_t>(channel.unacked.size(), 20)));
  const bool multiple = random.one_in(3);
  const std::size_t kind = random.below(10);
  const Settling settling =
      kind < 6 ? Settling::ack : (kind < 8 ? Settling::requeue : Settling::reject);
  settle(number, channel, place->first, multiple, settling, random.one_in(2));
}

void Client::settle(std::uint16_t number, ClientChannel& channel, std::uint64_t tag, bool multiple,
                    Settling settling, bool as_reject) {
  const bool requeue = settling == Settling::requeue;
  const bool wrongly_acks = world_.mutation() == Mutation::acks_rejects;
  if (settling == Settling::ack || (settling == Settling::reject && wrongly_acks)) {
    send(number, amqp::BasicAck{.delivery_tag = {tag}, .multiple = multiple});
  } else if (as_reject && !multiple) {
    send(number, amqp::BasicReject{.delivery_tag = {tag}, .requeue = requeue});
  } else {
    send(number, amqp::BasicNack{.delivery_tag = {tag}, .multiple = multiple, .requeue = requeue});
  }
  const std::uint64_t stream_end = stream_bytes_ + outgoing_.size();
  const auto last = channel.unacked.upper_bound(tag);
  auto first = multiple ? channel.unacked.begin() : channel.unacked.find(tag);
  for (; first != last; first = channel.unacked.erase(first)) {
    world_.trace("{} {} {} {} ({} of channel {})", to_text(role_), number_,
                 settling == Settling::ack ? "acks" : (requeue ? "requeues" : "rejects"),
                 to_text(first->second.name), first->first, number);
    if (channel.transaction) {
      channel.transaction->settlements.push_back(
          {first->second.name, first->first, first->second.consumer_tag, settling});
      continue;
    }
    const SentSettling sent =
        world_.checker.settled(reference(number), first->second.name, settling);
    if (sent.emissions != 0) {
      settlings_.push_back({stream_end, number, sent});
    }
  }
}

void Client::act_as_getter(std::uint16_t number, ClientChannel& channel, bool calm) {
  Random& random = world_.random;
  if (calm || random.one_in(2)) {
    settle_some(number, channel, calm);
    return;
  }
  const auto queue = static_cast<std::uint32_t>(random.below(world_.queues.size()));
  // Such queues refuse it.
  const bool may_get = !world_.queues[queue].quorum || !world_.queues[queue].single_active;
  if (random.one_in(15)) {
    declare(number, queue, false);
  } else if (may_get && channel.gets.size() < 5) {
    const bool no_ack = random.one_in(4);
    send(number, amqp::BasicGet{.queue = world_.queues[queue].name, .no_ack = no_ack});
    channel.gets.push_back({queue, no_ack});
    ++channel.requests;
    world_.trace("getter {} gets from q{}{}", number_, queue, no_ack ? " without acks" : "");
  }
}

// ---- the administrator and the drainer

void Client::declare(std::uint16_t number, std::uint32_t queue, bool bind) {
  const QueueTraits& described = world_.queues[queue];
  const amqp::FieldTable arguments = described.arguments(
      described.dead_letters_to ? world_.queues[*described.dead_letters_to].name : "");
  const std::string encoded = arguments.encode();
  send(number, amqp::QueueDeclare{
                   .queue = described.name, .durable = described.durable, .arguments = {encoded}});
  ++channels_.at(number).requests;
  if (bind) {
    send(number, amqp::QueueBind{.queue = described.name, .exchange = "amq.fanout"});
    ++channels_.at(number).requests;
  }
}

void Client::set_up_queues() {
  for (std::uint32_t queue = 0; queue < world_.queues.size(); ++queue) {
    declare(last_channel_, queue, true);
    removals_.push_back(no_queue);
  }
}

void Client::drain_queues() {
  for (std::uint32_t queue = 0; queue < world_.queues.size(); ++queue) {
    const std::string tag = fmt::format("{}-drain", queue);
    send(last_channel_,
         amqp::BasicConsume{
             .queue = world_.queues[queue].name, .consumer_tag = tag, .no_ack = true});
    ClientChannel& channel = channels_.at(last_channel_);
    ++channel.requests;
    channel.consumers[tag] = {queue, true};
  }
}

void Client::act_as_administrator(bool calm) {
  if (calm || channels_.empty() || removals_.size() > 2 || !world_.random.one_in(40)) {
    return;
  }
  const auto queue = static_cast<std::uint32_t>(world_.random.below(world_.queues.size()));
  world_.checker.removal_begins(queue);
  removals_.push_back(queue);
  const std::uint16_t number = channels_.begin()->first;
  if (world_.random.one_in(2)) {
    world_.trace("q{} is purged", queue);
    send(number, amqp::QueuePurge{.queue = world_.queues[queue].name});
    ++channels_.at(number).requests;
  } else {
    world_.trace("q{} is deleted and declared again", queue);
    send(number, amqp::QueueDelete{.queue = world_.queues[queue].name});
    ++channels_.at(number).requests;
    declare(number, queue, true);
  }
}

}  // namespace lepus::simulation
