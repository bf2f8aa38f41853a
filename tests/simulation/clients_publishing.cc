#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/world.h"

// What publishers and transactors send: to a queue, to all, or through an exchange that delays.

namespace lepus::simulation {

namespace {

constexpr std::size_t unconfirmed_max = 300;

}  // namespace

void Client::act_as_publisher(std::uint16_t number, ClientChannel& channel) {
  if (channel.publisher->unconfirmed.size() < unconfirmed_max) {
    for (std::size_t count = world_.random.between(1, 5); count > 0; --count) {
      publish(number, channel);
    }
  }
}

void Client::publish(std::uint16_t number, ClientChannel& channel) {
  Random& random = world_.random;
  Published what{.persistent = !random.one_in(4),
                 .priority = static_cast<std::uint8_t>(random.below(3)),
                 .transaction = channel.transaction ? channel.transaction->number : 0};
  std::size_t size_bytes = random.one_in(10) ? random.below(6000) : random.below(200);
  if (world_.has_large_messages && random.one_in(2)) {
    size_bytes = random.between(100'000, 600'000);
  }
  if (world_.has_expiring_messages && random.one_in(8)) {
    what.expiration_ms = static_cast<std::int64_t>(random.below(3000));
  }
  Publisher& publisher = *channel.publisher;
  const std::string body = make_body(publisher.id, ++publisher.last_number, size_bytes);
  what.body_bytes = body.size();
  std::vector<MessageName> names = !world_.exchanges.empty() && random.one_in(3)
                                       ? publish_through(number, publisher, what, body)
                                       : publish_directly(number, publisher, what, body);
  if (publisher.confirms) {
    publisher.unconfirmed.emplace(publisher.last_number, std::move(names));
  }
}

std::vector<MessageName> Client::publish_directly(std::uint16_t number, const Publisher& publisher,
                                                  const Published& what, const std::string& body) {
  const bool to_all = world_.random.one_in(8);
  const auto queue = static_cast<std::uint32_t>(world_.random.below(world_.queues.size()));
  std::vector<MessageName> names;
  for (std::uint32_t target = 0; target < world_.queues.size(); ++target) {
    if (to_all || target == queue) {
      names.push_back({target, publisher.id, publisher.last_number});
      world_.checker.published(names.back(), what);
    }
  }
  send_content(number, to_all ? "amq.fanout" : "", world_.queues[queue].name, what, {}, body);
  world_.trace("{} {} publishes {}{}{}, {} octets", to_text(role_), number_, to_text(names.front()),
               to_all ? " and all others" : "", what.persistent ? "" : " (transient)", body.size());
  return names;
}

std::vector<MessageName> Client::publish_through(std::uint16_t number, const Publisher& publisher,
                                                 const Published& what, const std::string& body) {
  Random& random = world_.random;
  const auto exchange = static_cast<std::uint32_t>(random.below(world_.exchanges.size()));
  const ExchangeTraits& through = world_.exchanges[exchange];
  const auto queue = static_cast<std::uint32_t>(random.below(world_.queues.size()));
  const auto other = static_cast<std::uint32_t>(random.below(world_.queues.size()));
  const bool has_bcc = through.has_keys() && random.one_in(4);
  const bool to_all = through.routing == ExchangeTraits::Routing::fanout;
  std::vector<MessageName> names;
  for (std::uint32_t target = 0; target < world_.queues.size(); ++target) {
    if (to_all || target == queue || (has_bcc && target == other)) {
      names.push_back({target, publisher.id, publisher.last_number});
    }
  }
  const std::int64_t delay_ms = choose_delay_ms(random);
  amqp::FieldTable headers;
  headers.set(queue_header, world_.queues[queue].name);
  if (random.one_in(5)) {
    headers.set("x-delay", std::to_string(delay_ms));
  } else {
    headers.set("x-delay", delay_ms);
  }
  if (has_bcc) {
    headers.set("BCC", amqp::FieldArray{{through.routing_key(world_.queues[other].name)}});
  }
  world_.checker.published_through(exchange, delay_ms, names, what);
  send_content(number, through.name, through.routing_key(world_.queues[queue].name), what,
               headers.encode(), body);
  world_.trace("{} {} publishes {}{} through {} after {} ms{}, {} octets", to_text(role_), number_,
               to_text(names.front()), names.size() > 1 ? " and others" : "", through.name,
               delay_ms, what.persistent ? "" : " (transient)", body.size());
  return names;
}

void Client::send_content(std::uint16_t number, std::string_view exchange, const std::string& key,
                          const Published& what, const std::string& headers,
                          const std::string& body) {
  amqp::BasicProperties properties;
  properties.delivery_mode = what.persistent ? amqp::persistent_delivery_mode : std::uint8_t{1};
  properties.priority = what.priority;
  const std::string expiration =
      what.expiration_ms ? std::to_string(*what.expiration_ms) : std::string{};
  if (what.expiration_ms) {
    properties.expiration = expiration;
  }
  if (!headers.empty()) {
    properties.headers = amqp::FieldTableView{headers};
  }
  amqp::append_content(outgoing_, amqp::ChannelNumber{number},
                       amqp::BasicPublish{.exchange = exchange, .routing_key = key},
                       amqp::encode_properties(properties), body, frame_max_bytes);
}

}  // namespace lepus::simulation
