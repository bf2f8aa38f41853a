#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "broker/connection/shard_connections.h"
#include "broker/model/reply_consumers.h"
#include "broker/model/shard.h"
#include "broker/model/topology.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/policies.h"
#include "tests/simulation/random.h"
#include "tests/simulation/simulated_disk.h"
#include "tests/simulation/simulated_store.h"

namespace lepus::simulation {

/// What the simulation itself does wrong, to show that the checker notices.
enum class Mutation {
  none,
  store_forgets_rows,
  store_forgets_progress,
  store_answers_early,
  store_does_not_sync,  ///< only over the real store
  swaps_publishes,      ///< two publishes in a mailbox change places
  loses_settles,        ///< settlements do not come out of mailboxes
  clears_redelivered,   ///< on the way from the queue
  requeues_held,        ///< gives messages back that a consumer still has
  raises_prefetch,      ///< asks for one more than the client wants
  cancels_first,        ///< consumers end before what they have comes back
  store_splits_units,   ///< what belongs together is committed apart
  acks_rejects,         ///< messages are acked that were to be dead-lettered
  store_hides_faults,   ///< confirms are given for what was written by a write that has failed
  commits_rollbacks,    ///< transactions are committed that were to be rolled back
};

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }

  [[nodiscard]] std::int64_t wall_ms() const override { return 1'700'000'000'000 + now_ms; }

  std::int64_t now_ms = 1000;
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint32_t shards = 1;
  Mutation mutation = Mutation::none;
  StoreKind store = StoreKind::memory;
  bool verbose = false;
};

/// The core of a broker and its clients in one thread. Nothing happens by itself: the scheduler
/// calls the small steps here in an order that the seed decides.
class World final : public model::TopologyListener {
 public:
  explicit World(const WorldOptions& options);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// After a violation the world stays where it is, since taking it down may well break an
  /// assertion. Only the disk goes; nothing may be called after it.
  void abandon() { disk_.reset(); }

  // ---- steps; each @return whether there was something to do
  bool carry_mail();
  bool run_task();
  bool end_turn();
  bool commit();
  bool answer_commit();
  bool read_store();
  void tick(std::int64_t by_ms);
  /// A write or sync of the store is to fail.
  void fail_disk();
  /// Somebody puts or deletes a policy.
  void change_policies();
  /// Gives back a message that a consumer has, if the mutation says so.
  void misbehave();

  /// Something is on its way to the disk.
  [[nodiscard]] bool is_storing() const { return store_->waiting_units() > 0; }

  /// Its last write had an unknown outcome.
  [[nodiscard]] bool store_has_failed() const { return store_->has_failed(); }

  /// Something is that belongs together.
  [[nodiscard]] bool is_storing_together() const { return store_->has_joint_unit(); }

  /// The process dies: what is not durable is lost.
  void crash();
  /// Everything is cut, committed and closed before the next start.
  void restart_cleanly();
  /// Steps in a fixed order until nothing is left to do, the clock included.
  /// @param act  whether clients settle what they have
  void come_to_rest(bool act);
  /// The clock goes on until nothing is delayed any more.
  void pass_delays();
  /// Invariants of the queues and bounds of memory.
  void check_queues(bool at_rest);
  /// At rest after everybody has settled all: nothing waits that could go on.
  /// @param are_drained  everything there was has been taken out of the queues
  void check_all_served(bool are_drained);

  // ---- for clients
  [[nodiscard]] connection::ShardConnections& connections(std::size_t shard) {
    return *shards_[shard]->connections;
  }

  [[nodiscard]] std::size_t shard_count() const { return options_.shards; }

  void touch(std::size_t shard) { shards_[shard]->in_turn = true; }

  /// The shard has handed over the settlement: it arrives with the mail that lies in the box now.
  void settling_executed(std::size_t shard, const SentSettling& settling);

  [[nodiscard]] Mutation mutation() const { return options_.mutation; }

  struct Deaths {
    std::uint32_t first_queue = never_died;
    std::uint32_t last_queue = never_died;
    Death last = Death::none;
    bool shows_bcc = false;
  };

  /// From the property bytes of a message.
  [[nodiscard]] Deaths deaths(std::string_view properties) const;

  std::uint32_t next_publisher() { return ++last_publisher_; }

  /// One line of the trace.
  template <typename... Values>
  void trace(fmt::format_string<Values...> format, Values&&... values) {
    if (options_.verbose) {
      print(fmt::format(format, std::forward<Values>(values)...));
    }
  }

  void topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) override;

  Random random;
  ManualClock clock;
  const bool has_expiring_messages;
  std::vector<QueueTraits> queues;
  const std::vector<ExchangeTraits> exchanges;
  bool has_large_messages = false;
  /// How often a read of the store fails; 0: never.
  const std::size_t read_faults_one_in;
  const bool has_policies;
  Checker checker;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::string> faults;       ///< what shards reported
  std::uint64_t store_faults = 0;        ///< writes that failed
  std::uint64_t interrupted_starts = 0;  ///< in which the power went
  std::uint64_t read_faults = 0;         ///< reads that failed

 private:
  class ObservedHost;

  struct OneShard final : public model::Mailboxes {
    OneShard(World& world, model::ShardIndex index);
    ~OneShard() override;
    void send(model::ShardIndex to, model::Operation operation) override;

    World& world;
    const model::ShardIndex index;
    bool in_turn = false;
    std::deque<std::function<void()>> tasks;
    std::vector<std::pair<model::ShardIndex, model::Operation>> outgoing;
    std::unique_ptr<ObservedHost> host;
    std::unique_ptr<model::Shard> shard;
    std::unique_ptr<connection::ShardConnections> connections;
  };

  /// First in, first out, for each pair of shards.
  struct Box {
    std::deque<model::Operation> operations;
    std::uint64_t sent = 0;
    std::uint64_t carried = 0;
    /// Settlements that count as arrived once so many operations were carried.
    std::deque<std::pair<std::uint64_t, SentSettling>> settlings;
  };

  void boot();
  void restart_disk();
  void make_store();
  [[nodiscard]] bool start_broker();
  void shut_down();
  void end_turn(OneShard& shard);
  void read_one(std::size_t index, std::size_t fails_one_in);
  void carry(model::ShardIndex from, model::ShardIndex to, std::size_t count);
  bool round(bool act);
  /// Messages that the queues which are there have ever got.
  [[nodiscard]] std::uint64_t count_published() const;
  void look_at_policies();
  void follow_policies();
  void policies_committed(model::ShardIndex shard, model::TopologyTicket up_to);
  void check_limits(const model::Queue& queue);
  void check_settings(const model::Queue& queue);
  void check_turn(const Emission& emission);
  void observe(model::Deliver& delivery);
  void observe(model::Got& answer);
  void observe(const Emission& emission, const model::Message& message);
  [[nodiscard]] std::optional<std::uint32_t> queue_number(model::QueueId id);
  void look_at_store(const storage::Recovered& recovered);
  using RowFound = std::function<void(const MessageName& name, const model::Message& message)>;
  void look_at_rows(const model::QueueRecord& queue, const storage::SubQueueProgress& progress,
                    const RowFound& row_found);

  [[nodiscard]] Box& box(model::ShardIndex from, model::ShardIndex to) {
    return boxes_[from * options_.shards + to];
  }

  void print(const std::string& line) const;

  const WorldOptions options_;
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<SimulatedStore> store_;
  std::unique_ptr<storage::CutGate> cut_gate_;
  std::unique_ptr<model::Topology> topology_;
  std::unique_ptr<model::ReplyConsumers> reply_consumers_;
  std::unique_ptr<model::ConnectionCounts> counts_;
  connection::ConnectionSettings settings_;
  Policies policies_;
  std::vector<Box> boxes_;
  std::vector<std::unique_ptr<OneShard>> shards_;
  bool is_dying_ = false;
  bool carrying_answer_ = false;
  std::uint64_t published_at_rest_ = 0;
  bool have_delays_passed_ = false;
  std::uint32_t last_publisher_ = 0;
  std::map<model::QueueId, std::uint32_t> queue_numbers_;
  std::map<model::ConsumerId, std::pair<MessageName, model::MessagePlace>> last_delivered_;
  /// Who got the last message of a queue with a single active consumer.
  std::map<model::QueueId, model::ConsumerId> active_;
};

}  // namespace lepus::simulation
