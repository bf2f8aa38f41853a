#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/base/clock.h"
#include "broker/connection/confirms.h"
#include "broker/connection/connection.h"
#include "broker/connection/connection_settings.h"
#include "broker/connection/direct_reply_to.h"
#include "broker/connection/outgoing_buffer.h"
#include "broker/model/connection_counts.h"
#include "broker/model/operations.h"
#include "broker/model/reply_consumers.h"
#include "broker/model/route_cache.h"
#include "broker/model/shard.h"
#include "broker/model/statistics_rows.h"
#include "broker/model/topology.h"

namespace lepus::connection {

/// What the connections of a shard are given. All of it outlives them.
struct ShardConnectionsEnvironment {
  model::ShardIndex index = 0;
  std::uint32_t shard_count = 1;
  const Clock* clock = nullptr;
  model::Topology* topology = nullptr;
  model::ReplyConsumers* reply_consumers = nullptr;  ///< shared by all shards
  model::ConnectionCounts* counts = nullptr;         ///< shared by all shards
  const ConnectionSettings* settings = nullptr;
  /// For names of direct reply-to; empty: the system's source.
  std::function<std::uint64_t()> random_number;
};

/// The connections of one shard, and what the shard's queues (and other shards') tell them. Belongs
/// to the shard's thread.
///
/// A turn of the shard's loop:
///   1. sockets: Connection::receive(), output_written(); mailboxes: Shard::receive(); now and then
///   tick();
///   2. resume(), Shard::end_turn(), end_turn(), which tells the transport of each connection that
///   changed;
///   3. not to sleep while has_pending_work().
class ShardConnections final : public model::ConnectionHost {
 public:
  explicit ShardConnections(const ShardConnectionsEnvironment& environment);
  ~ShardConnections() override;

  /// The shard is made with this host, so it comes afterwards; before the first connection.
  void set_shard(model::Shard& shard) { shard_ = &shard; }

  // ---- for the transport

  /// A new connection; `transport` outlives it (null: nobody is told of changes).
  Connection& accept(PeerDescription peer, TransportSession* transport);
  /// Frees the connection, after on_socket_closed() if it wasn't called. Not inside
  /// connection_changed().
  void remove(Connection& connection);
  /// Lets paused connections go on whose answers have come.
  void resume();
  void end_turn();
  [[nodiscard]] bool has_pending_work() const;
  /// Heartbeats and time limits of all connections; about every 100 ms.
  void tick();
  /// When tick() has something to do next (steady clock), or Connection::never_ms.
  [[nodiscard]] std::int64_t next_tick_ms() const;
  void set_alarm(bool memory, bool disk);
  /// connection.close 320 with this text to all, e.g. "broker forced connection closure with reason
  /// 'shutdown'".
  void close_all(std::string_view text);

  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }

  // ---- for management, on this shard's thread

  [[nodiscard]] Connection* find(model::ConnectionId id);
  /// All of them, for a ConnectionWalk.
  [[nodiscard]] std::vector<model::ConnectionId> ids() const;

  /// What the channels did that are closed.
  [[nodiscard]] const model::MessageCounters& closed_counters() const { return closed_channels_; }

  // ---- model::ConnectionHost

  void deliver(model::Deliver&& delivery) override;
  void confirmed(model::Confirmed&& confirmed) override;
  void started(model::Started&& answer) override;
  void done(model::Done&& answer) override;
  void counted(model::Counted&& answer) override;
  void got(model::Got&& answer) override;
  void consumer_cancelled(model::ConsumerCancelled&& notice) override;
  void token_requested(model::TokenRequest&& request) override;
  void tokens_returned(model::TokenReturn&& tokens) override;
  void direct_reply(model::DirectReply&& reply) override;
  void close_connection(model::CloseConnection&& request) override;
  void owner_congested(model::OwnerCongested&& notice) override;

  // ---- for connections and channels

  [[nodiscard]] model::Shard& shard() { return *shard_; }

  [[nodiscard]] model::Topology& topology() { return *environment_.topology; }

  [[nodiscard]] model::RouteCache& routes() { return routes_; }

  [[nodiscard]] model::ReplyConsumers& reply_consumers() { return *environment_.reply_consumers; }

  [[nodiscard]] const Clock& clock() const { return *environment_.clock; }

  [[nodiscard]] const ConnectionSettings& settings() const { return *environment_.settings; }

  [[nodiscard]] model::ShardIndex index() const { return environment_.index; }

  [[nodiscard]] std::uint32_t shard_count() const { return environment_.shard_count; }

  [[nodiscard]] BlockPool& block_pool() { return pool_; }

  /// Owners that take no more for now, as bits.
  [[nodiscard]] std::uint64_t congested_owners() const { return congested_owners_; }

  [[nodiscard]] bool alarm() const { return memory_alarm_ || disk_alarm_; }

  /// connection.blocked's reason.
  [[nodiscard]] std::string_view alarm_reason() const;
  [[nodiscard]] model::ConsumerId next_consumer_id();

  /// The wall clock as of the last look (each read from a socket looks).
  [[nodiscard]] std::int64_t wall_ms() const { return wall_ms_; }

  void look_at_clock();
  /// Not to be guessed by clients.
  [[nodiscard]] std::uint64_t random_number();

  /// Room for send_confirms(), used within one call.
  [[nodiscard]] std::vector<Confirms::Answer>& confirm_answers() { return confirm_answers_; }

  /// @return false if the requester is gone; for those of this shard.
  bool deliver_reply(const ReplyAddress& address, const model::MessagePtr& message);

  /// Publishes to the vhost's trace exchange, soon: a queue may be just delivering. The connection
  /// is held up as by a publish of its own.
  void publish_trace(model::ConnectionId id, std::string vhost, model::MessagePtr trace);

  [[nodiscard]] model::ConnectionCounts& counts() { return *environment_.counts; }

  /// connection.start's server_properties, encoded.
  [[nodiscard]] const std::string& server_properties() const { return server_properties_; }

  /// Counters of a channel that goes.
  void add_to_totals(const model::MessageCounters& counters) { closed_channels_ += counters; }

  void mark_dirty(Connection& connection);
  void mark_resumable(Connection& connection);

  /// The connection is to go on when that owner's congestion ends.
  void add_publisher(model::ShardIndex owner, Connection& connection) {
    publishers_[owner].insert(&connection);
  }

  void schedule(Connection& connection, std::int64_t at_ms);

 private:
  struct Timer {
    std::int64_t at_ms;
    std::uint64_t connection;

    bool operator>(const Timer& other) const { return at_ms > other.at_ms; }
  };

  [[nodiscard]] Channel* find_channel(const model::ChannelRef& channel);
  void departed(const model::RequestId& request);
  [[nodiscard]] PendingMethod* find_pending(const model::RequestId& request, Channel*& channel);
  void give_back_undeliverable();

  const ShardConnectionsEnvironment environment_;
  model::Shard* shard_ = nullptr;
  model::RouteCache routes_;
  BlockPool pool_;
  std::string server_properties_;

  // What came for a channel that is gone; dealt with at the end of the turn, since a queue that is
  // just delivering can't be called.

  /// Room in the output window that a delivery was not written into. Its message went back with all
  /// others of its channel (see model::LeaveQueue).
  struct UnusedRoom {
    model::ConnectionId connection = model::ConnectionId::none;
    model::ShardIndex owner = 0;
    std::uint64_t bytes = 0;
  };

  /// A message that waits for the ack of its basic.get.
  struct UnwantedMessage {
    model::QueueId queue{};
    model::MessagePlace place;
  };

  std::vector<UnusedRoom> unused_room_;
  std::vector<UnwantedMessage> unwanted_;

  /// For each owner the connections that have published to it since it was congested last.
  std::vector<boost::unordered_flat_set<Connection*>> publishers_;

  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  Connection* last_ = nullptr;  ///< found last
  std::uint64_t next_connection_ = 1;
  std::uint64_t next_consumer_ = 1;
  std::vector<Connection*> dirty_;
  std::vector<Connection*> resumable_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::uint64_t congested_owners_ = 0;
  bool memory_alarm_ = false;
  bool disk_alarm_ = false;
  model::MessageCounters closed_channels_;
  std::int64_t wall_ms_ = 0;
  std::vector<Confirms::Answer> confirm_answers_;
};

}  // namespace lepus::connection
