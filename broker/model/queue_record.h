#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "amqp/field_table.h"
#include "broker/model/ids.h"
#include "storage/types.h"

namespace lepus::model {

enum class QueueType { classic, quorum };

/// The limits and rules of a queue as its arguments set them, or its arguments and policies
/// together; checked values only.
struct QueueSettings {
  QueueType type = QueueType::classic;
  std::optional<std::int64_t> expires_ms;      ///< x-expires
  std::optional<std::int64_t> message_ttl_ms;  ///< x-message-ttl
  std::optional<std::string> dead_letter_exchange;
  std::optional<std::string> dead_letter_routing_key;
  /// x-dead-letter-strategy at-least-once: see keeps_dead_letters().
  bool dead_letters_at_least_once = false;
  std::optional<std::uint64_t> max_length;
  std::optional<std::uint64_t> max_length_bytes;
  enum class Overflow {
    drop_head,
    reject_publish,
    reject_publish_dlx
  } overflow = Overflow::drop_head;
  std::uint8_t max_priority = 0;  ///< 0: no priorities
  bool single_active_consumer = false;
  std::optional<std::uint32_t> delivery_limit;  ///< quorum queues
  /// x-consumer-timeout: how long a delivery may stay unacknowledged; 0: for ever.
  std::optional<std::int64_t> consumer_timeout_ms;

  friend bool operator==(const QueueSettings&, const QueueSettings&) = default;

  /// A dead message stays in the queue until all its targets have it. As in RabbitMQ that is for
  /// quorum queues that refuse publishes rather than drop their head; else the strategy is
  /// at-most-once.
  [[nodiscard]] bool keeps_dead_letters() const {
    return dead_letters_at_least_once && type == QueueType::quorum &&
           overflow == Overflow::reject_publish && dead_letter_exchange.has_value();
  }
};

/// What the topology knows of a queue. Shared by all shards, immutable but for `deleted`; the
/// messages are with the owner.
struct QueueRecord {
  QueueId id{};
  std::string vhost;
  std::string name;
  PartitionIndex partition = 0;
  ShardIndex owner = 0;  ///< the shard that has the partition in this run
  bool durable = false;
  bool auto_delete = false;
  ConnectionId exclusive_owner = ConnectionId::none;
  amqp::FieldTable arguments;
  /// The arguments' alone. With those of policies: Queue::settings(), Topology::settings_of().
  QueueSettings settings;
  std::string user;  ///< who declared it
  /// The record's batch in the topology's log; a declare is answered once it is committed. 0:
  /// nothing to wait for. Changes only when the record is written once more because that batch
  /// ended unknown.
  std::atomic<storage::BatchNumber> declared_in{0};

  std::atomic<bool> deleted{false};

  /// It is no queue of a client but keeps what an exchange delays; `name` is the exchange's.
  bool delays = false;
  /// How many such messages there are, for management.
  std::atomic<std::uint64_t> delayed_count{0};

  [[nodiscard]] bool is_exclusive() const { return exclusive_owner != ConnectionId::none; }

  /// "queue 'q' in vhost '/'", as RabbitMQ's error texts have it.
  [[nodiscard]] std::string described() const {
    return (delays ? "delays of exchange '" : "queue '") + name + "' in vhost '" + vhost + "'";
  }
};

}  // namespace lepus::model
