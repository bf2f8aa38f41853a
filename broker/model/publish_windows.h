#pragma once

#include <array>
#include <cstdint>

#include "broker/model/operations.h"

namespace lepus::model {

/// Bounds the publishes on their way between shards. A sender counts what each owner has not taken
/// yet: past the limit its connections that publish to that owner are not read. An owner tells how
/// much it has taken, at the end of a turn in which that has become worth waking the sender.
///
/// One for each shard, for both roles; runs on its thread.
class PublishWindows {
 public:
  PublishWindows(ShardIndex self, std::uint32_t shard_count, ConnectionHost& connections,
                 Mailboxes& mailboxes)
      : self_(self), shard_count_(shard_count), connections_(connections), mailboxes_(mailboxes) {}

  /// As a sender: a publish goes to another shard's queue.
  void sent(ShardIndex owner, const Message& message);
  void taken(const PublishesTaken& taken);
  /// As a sender: the owner itself has too much, or no longer.
  void owner_congested(const OwnerCongested& notice);

  /// As an owner: a publish of another shard was handled.
  void received(ShardIndex from, const Message& message);
  void end_turn();

 private:
  struct Peer {
    std::uint64_t in_flight_bytes = 0;  ///< sent and not taken
    std::uint64_t received_bytes = 0;   ///< taken and not yet told
    bool window_full = false;
    bool owner_is_congested = false;
  };

  void tell_connections(ShardIndex owner, const Peer& peer, bool before);

  const ShardIndex self_;
  const std::uint32_t shard_count_;
  ConnectionHost& connections_;
  Mailboxes& mailboxes_;
  std::array<Peer, 64> peers_;
};

}  // namespace lepus::model
