#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/model/ids.h"
#include "broker/model/operations.h"
#include "broker/model/publish_answer.h"
#include "broker/model/queue_memory.h"
#include "broker/model/queue_record.h"
#include "broker/model/topology.h"
#include "storage/cut_gate.h"
#include "storage/store.h"

namespace lepus::model {

class ChannelAnswers;
class GroupSequencer;
class PublishWindows;
class Queue;
class ShardQueues;

/// What a shard is given. All of it outlives the shard.
struct ShardEnvironment {
  ShardIndex index = 0;
  std::uint32_t shard_count = 1;
  const Clock* clock = nullptr;
  storage::Store* store = nullptr;
  storage::CutGate* cut_gate = nullptr;  ///< of all shards, before the store
  Topology* topology = nullptr;
  Mailboxes* mailboxes = nullptr;
  ConnectionHost* connections = nullptr;
  ProgressLimits progress = {};
  /// Runs the task on this shard's thread soon; callable from any thread (completions of the store
  /// come this way).
  std::function<void(std::function<void()>)> post;
  /// For the log: what the store could not give back. Null: nobody listens.
  std::function<void(std::string)> report_fault;
};

/// The queues of one shard, their pending batches and timers. Everything here runs on the shard's
/// one thread. Connections of the same shard call the methods straight; other shards' operations
/// come through receive().
///
/// A turn: receive() of mailboxes and bytes from sockets, then end_turn(), which seals batches if
/// the store is idle.
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

  /// Makes the queues of this shard's partitions from what the store recovered. Once, before any
  /// other call.
  void load(const storage::Recovered& recovered);

  // ---- for connections of this shard: to the queue's owner, by call if it is this shard, else by
  // mailbox ---------
  PublishAnswer publish(const QueueRecord& queue, MessagePtr message,
                        const PublisherRef& publisher);
  void settle(ShardIndex owner, Settle settle);
  /// One settlement without a vector: the way of a plain basic.ack.
  void settle_one(ShardIndex owner, QueueId queue, ConsumerId consumer, Settlement settlement,
                  MessagePlace place);
  /// Applies all changes of the group, which are committed together, and answers its waiters when
  /// they are.
  void submit_group(SubmitGroup&& group);
  /// The same, always by the sequencer, so that groups keep their order.
  void sequence_group(SubmitGroup&& group);
  /// Anything else that names its queue.
  void send_to_owner(ShardIndex owner, Operation operation);
  /// Done{request} follows once the topology's log is committed up to the ticket (at once if it
  /// is).
  void wait_for_topology(TopologyTicket ticket, const RequestId& request);

  // ---- from other shards, the store and the clock
  void receive(Operation&& operation);
  void topology_committed(TopologyTicket up_to, storage::Outcome outcome);
  /// Does what is due by the clock. Call it by next_timer_ms(), and now and then for what may wait.
  void tick();
  /// When a queue's timer is due (steady), INT64_MAX if there is none.
  [[nodiscard]] std::int64_t next_timer_ms() const;
  [[nodiscard]] bool has_pending_work() const;
  void end_turn();
  /// Seals what still waits, however young, unless a commit is under way: then after it.
  /// has_pending_work() tells when all of it is committed.
  void seal_now();

  /// A queue of this shard whose vhost has gone; its consumers are told.
  void drop_queue(const QueueRecord& queue);

  /// For management, on this shard's thread.
  void visit_queues(const std::function<void(const Queue&)>& visit) const;
  /// Null when this shard has no such queue (or it was never used).
  [[nodiscard]] const Queue* find_queue(QueueId id) const;

 private:
  /// One overload for each operation that a queue's owner gets; the rest is handed to the channel.
  void handle(Publish&& publish);
  void handle(StartConsumer&& start);
  void handle(CancelConsumer&& cancel);
  void handle(GetMessage&& get);
  void handle(Settle&& settle);
  void handle(SubmitGroup&& group);
  void handle(CommitGroups&& groups);
  void handle(LeaveQueue&& leaving);
  void handle(PurgeQueue&& purge);
  void handle(DeleteQueue&& request);
  void handle(QueryQueue&& query);
  void handle(OutputDrained&& drained);
  void handle(TokenGrant&& grant);
  void handle(ChangeChannelLimit&& change);
  void handle(ConnectionGone&& gone);
  void handle(OwnerCongested&& notice);
  void handle(Confirmed&& confirmed);
  void handle(PublishesTaken&& taken);
  template <typename Answer>
  void handle(Answer&& answer);

  void count_publishes(const SubmitGroup& group);
  template <typename Answer>
  void answer_when_committed(TopologyTicket ticket, Answer&& answer);
  template <typename Answer>
  void answer(Answer&& answer);

  ShardEnvironment environment_;
  std::unique_ptr<ChannelAnswers> answers_;
  std::unique_ptr<PublishWindows> publish_windows_;
  std::unique_ptr<GroupSequencer> sequencer_;  // on one shard only
  std::unique_ptr<ShardQueues> queues_;
  std::multimap<TopologyTicket, Operation> waiting_for_topology_;
};

}  // namespace lepus::model
