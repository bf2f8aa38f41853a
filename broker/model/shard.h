#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "broker/base/clock.h"
#include "broker/model/ids.h"
#include "broker/model/operations.h"
#include "broker/model/queue_record.h"
#include "broker/model/topology.h"
#include "storage/store.h"

namespace lepus::model {

class Queue;

/// What became of a publish as far as its channel can know at once. `later`: a Confirmed follows if the publisher has a
/// confirm number.
enum class PublishAnswer { taken, refused, later };

/// What a shard is given. All of it outlives the shard.
struct ShardEnvironment {
  ShardIndex index = 0;
  std::uint32_t shard_count = 1;
  const Clock* clock = nullptr;
  storage::Store* store = nullptr;
  Topology* topology = nullptr;
  Mailboxes* mailboxes = nullptr;
  ConnectionHost* connections = nullptr;
  /// Runs the task on this shard's thread soon; callable from any thread (completions of the store come this way).
  std::function<void(std::function<void()>)> post;
};

/// The queues of one shard, their pending batches and timers. Everything here runs on the shard's one thread. Connections of
/// the same shard call the methods straight; other shards' operations come through receive().
///
/// A turn: receive() of mailboxes and bytes from sockets, then end_turn(), which seals batches if the store is idle.
class Shard {
 public:
  explicit Shard(const ShardEnvironment& environment);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] ShardIndex index() const { return environment_.index; }
  [[nodiscard]] const ShardEnvironment& environment() const { return environment_; }
  [[nodiscard]] Topology& topology() { return *environment_.topology; }
  [[nodiscard]] const Clock& clock() const { return *environment_.clock; }

  /// Makes the queues of this shard's partitions from what the store recovered. Once, before any other call.
  void load(const storage::Recovered& recovered);

  // ---- for connections of this shard: to the queue's owner, by call if it is this shard, else by mailbox ---------
  PublishAnswer publish(const QueueRecord& queue, MessagePtr message, const PublisherRef& publisher);
  void settle(ShardIndex owner, Settle settle);
  /// One settlement without a vector: the way of a plain basic.ack.
  void settle_one(ShardIndex owner, QueueId queue, ConsumerId consumer, Settlement settlement,
                  MessagePlace place);
  /// Anything else that names its queue.
  void send_to_owner(ShardIndex owner, Operation operation);
  /// Done{request} follows once the topology's log is committed up to the ticket (at once if it is).
  void wait_for_topology(TopologyTicket ticket, const RequestId& request);
  /// Tells every shard whose queues may deliver to the connection.
  void output_drained(ConnectionId connection, std::uint64_t bytes);

  // ---- from other shards, the store and the clock ----------------------------------------------------------------
  void receive(Operation&& operation);
  void topology_committed(TopologyTicket up_to, storage::Outcome outcome);
  void tick();
  [[nodiscard]] bool has_pending_work() const;
  void end_turn();

 private:
  ShardEnvironment environment_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lepus::model
