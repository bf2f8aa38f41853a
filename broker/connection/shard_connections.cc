#include "broker/connection/shard_connections.h"

#include <random>
#include <utility>

#include "broker/base/assert.h"
#include "broker/connection/channel.h"
#include "broker/connection/server_properties.h"

namespace lepus::connection {

ShardConnections::ShardConnections(const ShardConnectionsEnvironment& environment)
    : environment_(environment),
      routes_(*environment.topology),
      server_properties_(encode_server_properties(*environment.settings)),
      publishers_(environment.shard_count) {
  look_at_clock();
}

ShardConnections::~ShardConnections() = default;

// ---- for the transport

Connection& ShardConnections::accept(PeerDescription peer, TransportSession* transport) {
  const std::uint64_t serial = next_connection_++;
  const model::ConnectionId id = model::make_connection_id(environment_.index, serial);
  auto& connection = connections_[static_cast<std::uint64_t>(id)];
  connection = std::make_unique<Connection>(id, *this, std::move(peer), transport);
  connection->start_handshake_timeout();
  return *connection;
}

void ShardConnections::remove(Connection& connection) {
  connection.on_socket_closed();
  if (last_ == &connection) {
    last_ = nullptr;
  }
  std::erase(dirty_, &connection);
  std::erase(resumable_, &connection);
  for (model::ShardIndex owner = 0; owner < publishers_.size(); ++owner) {
    if (connection.has_published_to(owner)) {
      publishers_[owner].erase(&connection);
    }
  }
  connections_.erase(static_cast<std::uint64_t>(connection.id()));
}

void ShardConnections::resume() {
  give_back_undeliverable();
  for (Connection* connection : std::exchange(resumable_, {})) {
    connection->resumable_ = false;
    connection->resume();
  }
}

void ShardConnections::end_turn() {
  // A session may cause answers for others (the in-process client does), which are told as well.
  for (std::size_t index = 0; index < dirty_.size(); ++index) {
    Connection& connection = *dirty_[index];
    connection.end_turn();
    connection.dirty_ = false;
    if (connection.transport() != nullptr) {
      connection.transport()->connection_changed();
    }
  }
  dirty_.clear();
}

bool ShardConnections::has_pending_work() const {
  return !dirty_.empty() || !resumable_.empty() || !unused_room_.empty() || !unwanted_.empty();
}

void ShardConnections::tick() {
  look_at_clock();
  const std::int64_t now_ms = clock().steady_ms();
  while (!timers_.empty() && timers_.top().at_ms <= now_ms) {
    const Timer timer = timers_.top();
    timers_.pop();
    const auto found = connections_.find(timer.connection);
    if (found == connections_.end() || found->second->scheduled_ms_ != timer.at_ms) {
      continue;  // It is gone, or has an earlier entry that brought a new one.
    }
    Connection& connection = *found->second;
    connection.scheduled_ms_ = Connection::never_ms;
    schedule(connection, connection.tick(now_ms));
  }
}

std::int64_t ShardConnections::next_tick_ms() const {
  return timers_.empty() ? Connection::never_ms : timers_.top().at_ms;
}

void ShardConnections::schedule(Connection& connection, std::int64_t at_ms) {
  if (at_ms < connection.scheduled_ms_) {
    connection.scheduled_ms_ = at_ms;
    timers_.push({at_ms, static_cast<std::uint64_t>(connection.id())});
  }
}

void ShardConnections::set_alarm(bool memory, bool disk) {
  const bool was_alarm = alarm();
  memory_alarm_ = memory;
  disk_alarm_ = disk;
  if (was_alarm && !alarm()) {
    for (const auto& [id, connection] : connections_) {
      connection->alarm_changed();
    }
  }
}

std::string_view ShardConnections::alarm_reason() const {
  if (memory_alarm_ && disk_alarm_) {
    return "low on disk & memory";
  }
  return memory_alarm_ ? "low on memory" : "low on disk";
}

void ShardConnections::close_all(std::string_view text) {
  for (const auto& [id, connection] : connections_) {
    connection->close(amqp::ReplyCode::connection_forced, text);
  }
}

void ShardConnections::look_at_clock() {
  wall_ms_ = clock().wall_ms();
}

std::uint64_t ShardConnections::random_number() {
  if (environment_.random_number) {
    return environment_.random_number();
  }
  std::random_device source;
  return std::uint64_t{source()} << 32U | source();
}

model::ConsumerId ShardConnections::next_consumer_id() {
  constexpr unsigned serial_bits = 56;
  return model::ConsumerId{std::uint64_t{environment_.index} << serial_bits | next_consumer_++};
}

void ShardConnections::mark_dirty(Connection& connection) {
  dirty_.push_back(&connection);
}

void ShardConnections::mark_resumable(Connection& connection) {
  if (!connection.resumable_) {
    connection.resumable_ = true;
    resumable_.push_back(&connection);
  }
}

// ---- for management

Connection* ShardConnections::find(model::ConnectionId id) {
  if (last_ != nullptr && last_->id() == id) [[likely]] {
    return last_;
  }
  const auto found = connections_.find(static_cast<std::uint64_t>(id));
  if (found == connections_.end()) {
    return nullptr;
  }
  return last_ = found->second.get();
}

std::vector<model::ConnectionId> ShardConnections::ids() const {
  std::vector<model::ConnectionId> ids;
  ids.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) {
    ids.push_back(model::ConnectionId{id});
  }
  return ids;
}

// ---- what queues tell

Channel* ShardConnections::find_channel(const model::ChannelRef& channel) {
  Connection* connection = find(channel.connection);
  Channel* found = connection == nullptr ? nullptr : connection->find_channel(channel.channel);
  const bool is_successor =
      found != nullptr && channel.serial != 0 && found->serial() != channel.serial;
  return is_successor ? nullptr : found;
}

PendingMethod* ShardConnections::find_pending(const model::RequestId& request, Channel*& channel) {
  channel = find_channel(request.channel);
  return channel == nullptr ? nullptr : find(request.channel.connection)->pending(request);
}

void ShardConnections::deliver(model::Deliver&& delivery) {
  Channel* channel = find_channel(delivery.channel);
  if (channel != nullptr && channel->deliver(delivery)) [[likely]] {
    return;
  }
  unused_room_.push_back(
      {delivery.channel.connection, delivery.owner, model::delivery_cost_bytes(*delivery.message)});
}

void ShardConnections::give_back_undeliverable() {
  for (const UnusedRoom& each : std::exchange(unused_room_, {})) {
    if (find(each.connection) != nullptr) {
      shard_->send_to_owner(each.owner, model::OutputDrained{each.connection, each.bytes});
    }
  }
  for (const UnwantedMessage& each : std::exchange(unwanted_, {})) {
    if (const auto queue = topology().find_queue(each.queue)) {
      shard_->settle_one(queue->owner, each.queue, model::ConsumerId::none,
                         model::Settlement::requeue, each.place);
    }
  }
}

void ShardConnections::confirmed(model::Confirmed&& confirmed) {
  if (Channel* channel = find_channel(confirmed.channel)) {
    channel->confirmed(confirmed.numbers, confirmed.refused);
  }
}

void ShardConnections::started(model::Started&& answer) {
  Channel* channel = nullptr;
  if (PendingMethod* pending = find_pending(answer.request, channel)) {
    channel->started(*pending, std::move(answer));
  }
}

void ShardConnections::departed(const model::RequestId& request) {
  if (Connection* connection = find(request.channel.connection)) {
    connection->departed();
  }
}

void ShardConnections::done(model::Done&& answer) {
  if (answer.request.serial == Connection::departure_serial) {
    departed(answer.request);
    return;
  }
  Channel* channel = nullptr;
  if (PendingMethod* pending = find_pending(answer.request, channel)) {
    channel->done(*pending, std::move(answer));
  }
}

void ShardConnections::counted(model::Counted&& answer) {
  if (answer.request.serial == Connection::departure_serial) {
    departed(answer.request);
    return;
  }
  Channel* channel = nullptr;
  if (PendingMethod* pending = find_pending(answer.request, channel)) {
    channel->counted(*pending, std::move(answer));
  }
}

void ShardConnections::got(model::Got&& answer) {
  Channel* channel = nullptr;
  if (PendingMethod* pending = find_pending(answer.request, channel)) {
    channel->got(*pending, std::move(answer));
  } else if (answer.message && !answer.no_ack) {
    unwanted_.push_back({answer.queue, answer.place});
  }
}

void ShardConnections::consumer_cancelled(model::ConsumerCancelled&& notice) {
  if (Channel* channel = find_channel(notice.channel)) {
    channel->consumer_cancelled(notice.consumer);
  }
}

void ShardConnections::token_requested(model::TokenRequest&& request) {
  if (Channel* channel = find_channel(request.channel)) {
    channel->token_requested(request.consumer);
  }
}

void ShardConnections::tokens_returned(model::TokenReturn&& tokens) {
  if (Channel* channel = find_channel(tokens.channel)) {
    channel->tokens_returned(tokens.consumer, tokens.count);
  }
}

bool ShardConnections::deliver_reply(const ReplyAddress& address,
                                     const model::MessagePtr& message) {
  Channel* channel = find_channel(address.channel);
  return channel != nullptr && channel->deliver_reply(address, message);
}

void ShardConnections::direct_reply(model::DirectReply&& reply) {
  static_cast<void>(deliver_reply({reply.channel, reply.key}, reply.message));
}

void ShardConnections::close_connection(model::CloseConnection&& request) {
  if (Connection* connection = find(request.connection)) {
    connection->close(amqp::ReplyCode::connection_forced, request.text);
  }
}

void ShardConnections::owner_congested(model::OwnerCongested&& notice) {
  const std::uint64_t owner = std::uint64_t{1} << notice.owner;
  if (notice.congested) {
    congested_owners_ |= owner;
    return;  // Seen by whoever publishes to it next.
  }
  congested_owners_ &= ~owner;
  for (Connection* connection : std::exchange(publishers_[notice.owner], {})) {
    connection->published_to_ &= ~owner;
    mark_resumable(*connection);
  }
}

}  // namespace lepus::connection
