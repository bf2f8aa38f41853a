#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/router.h"

// RabbitMQ's firehose: what is published to a vhost and what its queues deliver goes, as a copy
// with its circumstances in the headers, to the topic exchange amq.rabbitmq.trace.
// https://www.rabbitmq.com/docs/firehose

namespace lepus::connection {

namespace {

constexpr std::string_view trace_exchange = "amq.rabbitmq.trace";
constexpr std::size_t routing_key_max_bytes = 255;

/// "content_type": as RabbitMQ's headers name a property.
std::string header_name_of(std::string_view property) {
  std::string name{property};
  std::ranges::replace(name, '-', '_');
  return name;
}

/// Texts stay texts, numbers are signedints.
amqp::FieldTable table_of(const amqp::BasicProperties& properties) {
  amqp::FieldTable table;
  amqp::BasicProperties::visit_fields(properties, [&](std::string_view name, const auto& property) {
    using Value = typename std::remove_cvref_t<decltype(property)>::value_type;
    if (!property) {
      return;
    }
    if constexpr (std::is_same_v<Value, std::string_view>) {
      table.set(header_name_of(name), std::string{*property});
    } else if constexpr (std::is_same_v<Value, amqp::FieldTableView>) {
      table.set(header_name_of(name), property->decode());
    } else {
      table.set(header_name_of(name), static_cast<std::int32_t>(*property));
    }
  });
  return table;
}

amqp::FieldArray texts(const auto& range, auto text_of) {
  amqp::FieldArray array;
  for (const auto& element : range) {
    array.values().emplace_back(std::string{text_of(element)});
  }
  return array;
}

}  // namespace

void Channel::trace_publish(const model::Message& message, const model::Route& route) {
  amqp::FieldTable headers;
  amqp::FieldArray queues;
  for (const auto& queue : route.queues) {
    if (!queue->delays) {  // Nobody knows of the queues of delayed exchanges.
      queues.values().emplace_back(queue->name);
    }
  }
  headers.set("routed_queues", std::move(queues));
  const auto properties = amqp::decode_properties(message.properties());
  const amqp::FieldTableView own_headers =
      publish_by_headers_
          ? amqp::FieldTableView{publish_original_headers_}
          : properties.value_or(amqp::BasicProperties{}).headers.value_or(amqp::FieldTableView{});
  trace(message, own_headers, "publish", message.exchange(), std::move(headers));
}

void Channel::trace_delivery(const model::Message& message, const model::QueueRecord& queue,
                             bool redelivered) {
  amqp::FieldTable headers;
  headers.set("redelivered", std::int32_t{redelivered});
  const auto properties = amqp::decode_properties(message.properties());
  const auto own_headers =
      properties.value_or(amqp::BasicProperties{}).headers.value_or(amqp::FieldTableView{});
  trace(message, own_headers, "deliver", queue.name, std::move(headers));
}

/// @param own_headers  the message's, with the keys it is or was routed by
/// @param subject      the exchange or the queue
/// @param headers      what is special about the event
void Channel::trace(const model::Message& message, amqp::FieldTableView own_headers,
                    std::string_view event, std::string_view subject, amqp::FieldTable headers) {
  if (message.exchange() == trace_exchange) {
    return;
  }
  const auto properties =
      amqp::decode_properties(message.properties()).value_or(amqp::BasicProperties{});
  const amqp::FieldTable routed_by = own_headers.decode();
  headers.set("exchange_name", std::string{message.exchange()});
  headers.set("routing_keys", texts(model::routing_keys_of(message.routing_key(), &routed_by),
                                    [](std::string_view key) { return key; }));
  headers.set("properties", table_of(properties));
  headers.set("node", host().settings().node_name);
  headers.set("vhost", std::string{access().vhost()});
  headers.set("connection", connection_.peer().name());
  headers.set("channel", std::int32_t{number_});
  headers.set("user", connection_.user());
  const std::string encoded = headers.encode();
  const std::string routing_key =
      (std::string{event} + '.').append(subject).substr(0, routing_key_max_bytes);
  auto copy =
      model::Message::create(trace_exchange, routing_key,
                             amqp::encode_properties({.headers = amqp::FieldTableView{encoded}}),
                             message.body().size(), {.published_ms = host().wall_ms()});
  copy->append_body(message.body());
  host().publish_trace(connection_.id(), std::string{access().vhost()}, std::move(copy));
}

void ShardConnections::publish_trace(model::ConnectionId id, std::string vhost,
                                     model::MessagePtr trace) {
  shard_->environment().post([this, id, vhost = std::move(vhost), trace = std::move(trace)] {
    // Its headers may be nested more deeply, or be larger, than those of clients may be.
    const auto properties =
        amqp::decode_properties(trace->properties()).value_or(amqp::BasicProperties{});
    const model::Route& route =
        routes_.route(vhost, trace->exchange(), trace->routing_key(), &properties);
    for (const auto& queue : route.queues) {
      if (Connection* connection = find(id)) {
        connection->note_published_to(queue->owner);
      }
      shard_->publish(*queue, trace, {});
    }
  });
}

}  // namespace lepus::connection
