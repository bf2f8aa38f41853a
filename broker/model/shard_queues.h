#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/base/limits.h"
#include "broker/model/channel_answers.h"
#include "broker/model/dead_letter_outbox.h"
#include "broker/model/delay_queue.h"
#include "broker/model/pending_batches.h"
#include "broker/model/queue.h"
#include "broker/model/shard.h"

namespace lepus::model {

/// The queues that one shard owns and what they share: pending batches, timers, output windows, and
/// the work that a queue must not do in the middle of its own call (dead-lettering, its own
/// deletion).
class ShardQueues final : public QueueHost {
 public:
  /// What dead letters to queues of other shards need.
  struct ToOthers {
    std::function<void(SubmitGroup&&)> sequence_group;  ///< see Shard::sequence_group
    std::function<void(ShardIndex, Publish&&)> publish;
  };

  ShardQueues(const ShardEnvironment& environment, ChannelAnswers& answers, ToOthers to_others);
  ~ShardQueues() override;

  void load(const storage::Recovered& recovered);

  /// The queue, made on its first use; null when it was deleted.
  Queue* find(QueueId id);
  Queue* find(const std::shared_ptr<QueueRecord>& record);

  /// Hands the message to the queue, if it is still there.
  std::optional<PublishAnswer> publish(QueueId id, MessagePtr message,
                                       const PublisherRef& publisher);

  /// Deletes the queue, whether it was ever used or not: from the topology, then here, then its
  /// rows.
  /// @return what must be committed before that is answered.
  TopologyTicket remove(const QueueRecord& record);

  /// Queues take their settings from the topology again if policies have changed.
  void follow_policies();

  void output_drained(ConnectionId connection, std::uint64_t bytes);
  void connection_gone(ConnectionId connection);

  /// A call from outside into a queue. Such calls nest: what a queue tells a channel of this shard
  /// may come back as a call into the same queue or another. When the outermost ends, it does what
  /// was deferred.
  class Call {
   public:
    explicit Call(ShardQueues& queues) : queues_(queues) { ++queues_.calls_; }

    ~Call() {
      queues_.run_deferred();
      --queues_.calls_;
    }

    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    ShardQueues& queues_;
  };

  /// Dead letters and deletions that queues have asked for. No effect inside of nested calls: a
  /// queue further up the stack is in the middle of something.
  void run_deferred();
  void tick();

  /// When the first timer is due (steady), INT64_MAX if there is none.
  [[nodiscard]] std::int64_t next_timer_ms() const {
    return timers_.empty() ? INT64_MAX : timers_.begin()->first;
  }

  void seal_if_due();
  /// Lets go of deleted queues that no batch names any more.
  void drop_ended();
  /// Some of what is due of each delayed exchange is passed on; if there is more, in the next turn.
  void release_delayed();
  /// Queues that waited for acks go on, if enough has come.
  void resume_queues();

  [[nodiscard]] bool has_pending_work() const { return !batches_.is_idle(); }

  /// Seals whatever waits, for the last commit.
  void seal_now();

  /// This shard's part of groups has been applied: it is committed with the other parts of its cut,
  /// or with the next unit.
  void seal_group(storage::Cut cut, std::span<const PublisherRef> waiters);

  /// The settlement of what was passed on to other shards.
  void passed_on(const Settle& settle);

  /// Targets of other shards have answered for letters that are kept here (see
  /// DeadLetterOutbox).
  void letters_confirmed(const Confirmed& confirmed);

  [[nodiscard]] const auto& all() const { return queues_; }

  // ---- QueueHost ----
  [[nodiscard]] const Clock& clock() const override { return *environment_.clock; }

  void deliver(Deliver&& delivery) override;
  void add_pending(PendingRow&& row) override;
  void progress_changed(StoredQueue& queue, bool urgent) override;
  void start_read(StoredQueue& queue, Priority priority, storage::PositionRange positions,
                  std::size_t bytes_max, std::uint64_t generation) override;
  bool dead_letter(Queue& queue, std::optional<MessagePlace> place, MessagePtr message,
                   DeadLetterReason reason) override;
  void request_token(TokenRequest&& request) override;
  void return_tokens(TokenReturn&& tokens) override;
  void consumer_cancelled(ConsumerCancelled&& notice) override;
  void got(Got&& answer) override;
  OutputWindow* output_window(ConnectionId connection) override;

  QueueMemory& memory() override { return memory_; }

  void wait_for_acks(Queue& queue) override;
  void set_timer(StoredQueue& queue, std::int64_t at_ms) override;
  void release_due(DelayQueue& queue) override;
  void queue_ended(Queue& queue) override;
  void read_fault(const StoredQueue& queue, std::string_view what) override;

 private:
  struct DeferredLetter {
    std::shared_ptr<QueueRecord> from;
    std::shared_ptr<const QueueSettings> settings;  // when it died
    std::optional<MessagePlace> place;              // none: the queue refused it
    MessagePtr message;
    DeadLetterReason reason{};
  };

  /// What leaves a queue of this shard for others by itself, or never came into it.
  struct PassedOn {
    std::shared_ptr<QueueRecord> from;
    std::optional<MessagePlace> place;  // none: the queue refused it
    MessagePtr message;                 // as it goes on
  };

  Queue& make(std::shared_ptr<QueueRecord> record);
  DelayQueue& make_delay_queue(std::shared_ptr<QueueRecord> record);
  /// A queue of this shard that has been made, of either kind.
  StoredQueue* find_made(QueueId id);
  void drop_delay_queues();
  void release_some(DelayQueue& queue);
  void release(DelayQueue& queue, const DelayQueue::Due& due);
  void pass_on(const PassedOn& passed, const Route& route);
  void settle_passed_on(QueueId from, std::span<const MessagePlace> places);
  void publish_dead_letter(const DeferredLetter& letter);
  void try_kept_letters();
  void try_kept_letter(DeadLetterOutbox::Serial serial);
  void publish_kept_letter(DeadLetterOutbox::Serial serial,
                           const std::shared_ptr<const QueueSettings>& settings);
  void forget_kept_letter(DeadLetterOutbox::Serial serial, bool is_settled);
  [[nodiscard]] Route dead_letter_route(std::string_view vhost, const Message& letter) const;
  [[nodiscard]] bool needs_group(const PassedOn& passed, const Route& route) const;
  void group(const PassedOn& passed, const Route& route);
  void page_out();
  void seal(storage::Cut cut);
  void commit_finished(storage::Outcome outcome);
  void update_congestion();

  const ShardEnvironment& environment_;
  ChannelAnswers& answers_;
  ToOthers to_others_;
  QueueMemory memory_;
  std::vector<QueueId> waiting_for_acks_;
  std::int64_t page_out_at_ms_ = 0;           // not again before
  std::int64_t drop_delay_queues_at_ms_ = 0;  // the same
  PendingBatches batches_;
  boost::unordered_flat_map<QueueId, std::unique_ptr<Queue>> queues_;
  boost::unordered_flat_map<QueueId, std::unique_ptr<DelayQueue>> delay_queues_;
  std::vector<std::unique_ptr<StoredQueue>> ended_;  // until their last batch is committed
  boost::unordered_flat_map<ConnectionId, std::unique_ptr<OutputWindow>> windows_;
  std::set<std::pair<std::int64_t, QueueId>> timers_;
  std::vector<DeferredLetter> letters_;
  SubmitGroup passed_on_;           // to queues of other shards
  std::vector<QueueId> releasing_;  // delay queues with messages that are due
  bool is_turn_asked_for_ = false;
  std::uint64_t grouped_ = 0;  // whose settlement has not come back yet
  DeadLetterOutbox outbox_{limits::dead_letters_in_flight_max, limits::dead_letter_retry_ms};
  std::vector<QueueId> ending_;
  std::uint64_t policies_version_ = 0;  // the topology's that the queues follow
  std::uint32_t calls_ = 0;             // under way
  bool congested_ = false;
};

}  // namespace lepus::model
