#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include "storage/types.h"

namespace lepus::model {

using storage::LogId;
using storage::Position;
using storage::Priority;
using storage::QueueId;
using storage::value_of;

/// A shard's number, 0 … shards − 1.
using ShardIndex = std::uint32_t;

/// Index of a partition, 0 … 63; a queue stays in its partition for life.
using PartitionIndex = std::uint32_t;

/// A connection's number in this run of the broker; the shard it lives on is in the upper 8 bits.
/// 0: none.
enum class ConnectionId : std::uint64_t { none = 0 };

constexpr ConnectionId make_connection_id(ShardIndex shard, std::uint64_t serial) {
  return ConnectionId{(std::uint64_t{shard} << 56U) | serial};
}

constexpr ShardIndex shard_of(ConnectionId id) {
  return static_cast<ShardIndex>(static_cast<std::uint64_t>(id) >> 56U);
}

/// A consumer's number in this run of the broker, given by its channel. 0: none (basic.get).
/// dead_lettering holds messages whose dead letter is on its way to another shard.
enum class ConsumerId : std::uint64_t { none = 0, dead_lettering = UINT64_MAX };

/// A channel of a connection, as queues name it to answer. A client may open a number again that it
/// has closed: the serial tells late answers of the closed channel from its successor's.
struct ChannelRef {
  ConnectionId connection = ConnectionId::none;
  std::uint16_t channel = 0;
  /// Counts the channels that the connection has opened, from 1. 0: whichever has the number now.
  std::uint32_t serial = 0;

  auto operator<=>(const ChannelRef&) const = default;
};

/// Who waits for the confirm of a publish; number 0: nobody.
struct PublisherRef {
  ChannelRef channel;
  std::uint64_t confirm_number = 0;
};

/// A synchronous method that waits for an answer. The serial counts the connection's methods.
struct RequestId {
  ChannelRef channel;
  std::uint64_t serial = 0;
};

/// Where a queue's message is, as deliveries and settlements name it.
struct MessagePlace {
  Priority priority = 0;
  Position position = 0;

  auto operator<=>(const MessagePlace&) const = default;
};

}  // namespace lepus::model
