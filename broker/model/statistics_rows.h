#pragma once

#include <cstdint>
#include <string>

#include "amqp/field_table.h"
#include "broker/model/ids.h"

namespace lepus::model {

/// What a channel, a vhost or the broker did with messages since its start; rates are made of
/// differences.
struct MessageCounters {
  std::uint64_t publish = 0;
  std::uint64_t confirm = 0;
  std::uint64_t return_unroutable = 0;
  std::uint64_t drop_unroutable = 0;
  std::uint64_t deliver = 0;  ///< to consumers that acknowledge
  std::uint64_t deliver_no_ack = 0;
  std::uint64_t get = 0;
  std::uint64_t get_no_ack = 0;
  std::uint64_t get_empty = 0;
  std::uint64_t redeliver = 0;
  std::uint64_t ack = 0;

  /// deliver_get of the management API.
  [[nodiscard]] std::uint64_t deliver_get() const {
    return deliver + deliver_no_ack + get + get_no_ack;
  }

  MessageCounters& operator+=(const MessageCounters& other) {
    publish += other.publish;
    confirm += other.confirm;
    return_unroutable += other.return_unroutable;
    drop_unroutable += other.drop_unroutable;
    deliver += other.deliver;
    deliver_no_ack += other.deliver_no_ack;
    get += other.get;
    get_no_ack += other.get_no_ack;
    get_empty += other.get_empty;
    redeliver += other.redeliver;
    ack += other.ack;
    return *this;
  }
};

/// One row of GET /api/connections, without what is derived from it. Taken on the connection's
/// shard.
struct ConnectionRow {
  ConnectionId id = ConnectionId::none;
  std::string name;  ///< "127.0.0.1:5000 -> 127.0.0.1:5672"
  std::string peer_host;
  std::uint16_t peer_port = 0;
  std::string host;
  std::uint16_t port = 0;
  std::string vhost;               ///< empty before connection.open
  std::string user;                ///< empty before the login
  std::string user_provided_name;  ///< client property connection_name, or empty
  std::string state;  ///< starting, running, blocking, blocked, flow, closing or closed
  std::string auth_mechanism;
  std::int64_t connected_at_ms = 0;  ///< wall clock
  std::uint32_t channels = 0;
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max_bytes = 0;
  std::uint16_t heartbeat_s = 0;
  amqp::FieldTable client_properties;
  bool tls = false;
  std::string tls_protocol;
  std::string tls_cipher;
  std::string peer_certificate_subject;
  std::string peer_certificate_issuer;
  std::string peer_certificate_validity;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_count = 0;  ///< reads
  std::uint64_t sent_count = 0;      ///< writes
  std::uint64_t output_bytes = 0;    ///< waiting to be written (send_pend)
};

/// One row of GET /api/channels.
struct ChannelRow {
  ConnectionId connection = ConnectionId::none;
  std::uint16_t number = 0;
  std::string connection_name;
  std::string peer_host;
  std::uint16_t peer_port = 0;
  std::string vhost;
  std::string user;
  bool confirm = false;
  bool transactional = false;
  bool closing = false;
  std::uint32_t consumer_count = 0;
  std::uint16_t prefetch_count = 0;
  std::uint16_t global_prefetch_count = 0;
  std::uint64_t messages_unacknowledged = 0;
  std::uint64_t messages_unconfirmed = 0;
  std::uint64_t messages_uncommitted = 0;
  std::uint64_t acks_uncommitted = 0;
  std::int64_t idle_since_ms = 0;  ///< wall clock of the last method
  MessageCounters messages;
};

/// One row of GET /api/consumers.
struct ConsumerRow {
  ConnectionId connection = ConnectionId::none;
  std::uint16_t channel = 0;
  ConsumerId id = ConsumerId::none;
  std::string connection_name;
  std::string peer_host;
  std::uint16_t peer_port = 0;
  std::string user;
  std::string vhost;
  std::string queue;
  QueueId queue_id{};
  std::string tag;
  bool ack_required = true;
  bool exclusive = false;
  std::uint16_t prefetch_count = 0;
  amqp::FieldTable arguments;
};

}  // namespace lepus::model
