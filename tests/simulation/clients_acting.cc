#include <algorithm>
#include <array>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/connection/channel.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/world.h"

// What a client does by itself: consumers and getters.

namespace lepus::simulation {

namespace {

constexpr std::size_t outgoing_bytes_max = std::size_t{1} << 20U;

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
    declare(number, queue);
  } else if (may_get && channel.gets.size() < 5) {
    const bool no_ack = random.one_in(4);
    send(number, amqp::BasicGet{.queue = world_.queues[queue].name, .no_ack = no_ack});
    channel.gets.push_back({queue, no_ack});
    ++channel.requests;
    world_.trace("getter {} gets from q{}{}", number_, queue, no_ack ? " without acks" : "");
  }
}

}  // namespace lepus::simulation
