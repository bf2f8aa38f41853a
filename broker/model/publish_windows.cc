#include "broker/model/publish_windows.h"

#include <utility>

#include "broker/base/assert.h"
#include "broker/base/limits.h"

namespace lepus::model {

namespace {

std::uint64_t cost_bytes(const Message& message) {
  return message.memory_bytes() + sizeof(Operation);
}

}  // namespace

void PublishWindows::sent(ShardIndex owner, const Message& message) {
  Peer& peer = peers_[owner];
  const bool before = peer.window_full || peer.owner_is_congested;
  peer.in_flight_bytes += cost_bytes(message);
  peer.window_full = peer.window_full || peer.in_flight_bytes > limits::publish_window_bytes_max;
  tell_connections(owner, peer, before);
}

void PublishWindows::taken(const PublishesTaken& taken) {
  Peer& peer = peers_[taken.owner];
  const bool before = peer.window_full || peer.owner_is_congested;
  LEPUS_ASSERT(peer.in_flight_bytes >= taken.bytes, "an owner takes what was sent");
  peer.in_flight_bytes -= taken.bytes;
  peer.window_full =
      peer.window_full && peer.in_flight_bytes > limits::publish_window_bytes_max / 2;
  tell_connections(taken.owner, peer, before);
}

void PublishWindows::owner_congested(const OwnerCongested& notice) {
  Peer& peer = peers_[notice.owner];
  const bool before = peer.window_full || peer.owner_is_congested;
  peer.owner_is_congested = notice.congested;
  tell_connections(notice.owner, peer, before);
}

void PublishWindows::tell_connections(ShardIndex owner, const Peer& peer, bool before) {
  const bool now = peer.window_full || peer.owner_is_congested;
  if (now != before) [[unlikely]] {
    connections_.owner_congested({owner, now});
  }
}

void PublishWindows::received(ShardIndex from, const Message& message) {
  peers_[from].received_bytes += cost_bytes(message);
}

void PublishWindows::end_turn() {
  for (ShardIndex from = 0; from < shard_count_; ++from) {
    Peer& peer = peers_[from];
    if (peer.received_bytes >= limits::publish_window_bytes_told) {
      mailboxes_.send(from, PublishesTaken{self_, std::exchange(peer.received_bytes, 0)});
    }
  }
}

}  // namespace lepus::model
