#include <functional>
#include <string>
#include <utility>

#include "amqp/field_table.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/world.h"

// What the administrator declares, binds and removes, and what the drainer takes.

namespace lepus::simulation {

void Client::declare(std::uint16_t number, std::uint32_t queue) {
  const QueueTraits& described = world_.queues[queue];
  const amqp::FieldTable arguments = described.arguments(
      described.dead_letters_to ? world_.queues[*described.dead_letters_to].name : "");
  const std::string encoded = arguments.encode();
  send(number, amqp::QueueDeclare{
                   .queue = described.name, .durable = described.durable, .arguments = {encoded}});
  ++channels_.at(number).requests;
}

void Client::bind_to_all(std::uint16_t number, std::uint32_t queue, std::function<void()> done) {
  send(number, amqp::QueueBind{.queue = world_.queues[queue].name, .exchange = "amq.fanout"});
  ++channels_.at(number).requests;
  awaited_.push_back(std::move(done));
}

/// From the exchange's answer on it leads to the queue, or does not.
void Client::change_route(std::uint16_t number, std::uint32_t exchange, std::uint32_t queue,
                          bool leads) {
  const ExchangeTraits& from = world_.exchanges[exchange];
  const std::string& name = world_.queues[queue].name;
  const std::string key = from.binding_key(name);
  const std::string arguments = from.binding_arguments(name).encode();
  if (leads) {
    send(number,
         amqp::QueueBind{
             .queue = name, .exchange = from.name, .routing_key = key, .arguments = {arguments}});
  } else {
    send(number,
         amqp::QueueUnbind{
             .queue = name, .exchange = from.name, .routing_key = key, .arguments = {arguments}});
  }
  ++channels_.at(number).requests;
  awaited_.push_back([this, exchange, queue, leads] {
    world_.trace("{} {} to q{}", world_.exchanges[exchange].name, leads ? "leads" : "does not lead",
                 queue);
    world_.checker.route_changed(exchange, queue, leads);
  });
}

void Client::set_up() {
  for (const ExchangeTraits& exchange : world_.exchanges) {
    const std::string arguments = exchange.arguments().encode();
    send(last_channel_, amqp::ExchangeDeclare{.exchange = exchange.name,
                                              .type = "x-delayed-message",
                                              .durable = exchange.durable,
                                              .arguments = {arguments}});
    ++channels_.at(last_channel_).requests;
  }
  for (std::uint32_t queue = 0; queue < world_.queues.size(); ++queue) {
    declare(last_channel_, queue);
    bind_to_all(last_channel_, queue, [] {});
    for (std::uint32_t exchange = 0; exchange < world_.exchanges.size(); ++exchange) {
      if (!world_.checker.route_is_certain(exchange, queue)) {
        world_.checker.route_changes(exchange, queue);
        change_route(last_channel_, exchange, queue, !world_.random.one_in(4));
      }
    }
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
  constexpr std::size_t awaited_max = 4;
  Random& random = world_.random;
  if (calm || channels_.empty() || awaited_.size() >= awaited_max || !random.one_in(20)) {
    return;
  }
  const std::uint16_t number = channels_.begin()->first;
  const auto queue = static_cast<std::uint32_t>(random.below(world_.queues.size()));
  if (random.one_in(2)) {
    if (!world_.exchanges.empty()) {
      const auto exchange = static_cast<std::uint32_t>(random.below(world_.exchanges.size()));
      world_.checker.route_changes(exchange, queue);
      change_route(number, exchange, queue, random.one_in(2));
    }
    return;
  }
  world_.checker.removal_begins(queue);
  if (random.one_in(2)) {
    world_.trace("q{} is purged", queue);
    send(number, amqp::QueuePurge{.queue = world_.queues[queue].name});
    ++channels_.at(number).requests;
    awaited_.push_back([this, queue] { world_.checker.removal_ends(queue); });
  } else {
    replace_queue(number, queue);
  }
}

/// It is deleted, its bindings with it, and declared again.
void Client::replace_queue(std::uint16_t number, std::uint32_t queue) {
  world_.trace("q{} is deleted and declared again", queue);
  for (std::uint32_t exchange = 0; exchange < world_.exchanges.size(); ++exchange) {
    world_.checker.route_changes(exchange, queue);
  }
  send(number, amqp::QueueDelete{.queue = world_.queues[queue].name});
  ++channels_.at(number).requests;
  declare(number, queue);
  for (std::uint32_t exchange = 0; exchange < world_.exchanges.size(); ++exchange) {
    change_route(number, exchange, queue, !world_.random.one_in(4));
  }
  bind_to_all(number, queue, [this, queue] {
    world_.trace("q{} is there again", queue);
    world_.checker.removal_ends(queue);
  });
}

}  // namespace lepus::simulation
