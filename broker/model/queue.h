#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/model/consumers.h"
#include "broker/model/ids.h"
#include "broker/model/operations.h"
#include "broker/model/publish_answer.h"
#include "broker/model/queue_record.h"
#include "broker/model/stored_queue.h"
#include "broker/model/sub_queue.h"

namespace lepus::model {

class DelayQueue;
class Queue;

/// Why a message leaves its queue for the dead-letter exchange; the names are those of x-death.
enum class DeadLetterReason { expired, rejected, maxlen, delivery_limit };

/// What a queue asks of the shard that it lives on.
class QueueHost {
 public:
  virtual ~QueueHost() = default;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  virtual void deliver(Deliver&& delivery) = 0;
  virtual void add_pending(PendingRow&& row) = 0;
  /// The progress record or the floor of transient rows has changed. `urgent`: commit it soon, as
  /// if a publisher waited.
  virtual void progress_changed(StoredQueue& queue, bool urgent) = 0;
  virtual void start_read(StoredQueue& queue, Priority priority, storage::PositionRange positions,
                          std::size_t bytes_max, std::uint64_t generation) = 0;
  /// A message that leaves the queue (or, without a place, was refused by it) and would go to its
  /// dead-letter exchange.
  /// @return true: the host calls dead_lettered() after this call, and until then the message
  /// stays; false: it may go at once.
  virtual bool dead_letter(Queue& queue, std::optional<MessagePlace> place, MessagePtr message,
                           DeadLetterReason reason) = 0;
  virtual void request_token(TokenRequest&& request) = 0;
  virtual void return_tokens(TokenReturn&& tokens) = 0;
  virtual void consumer_cancelled(ConsumerCancelled&& notice) = 0;
  virtual void got(Got&& answer) = 0;
  virtual OutputWindow* output_window(ConnectionId connection) = 0;
  /// on_timer() is due at this time (steady), no longer at queue.timer_at_ms().
  virtual void set_timer(StoredQueue& queue, std::int64_t at_ms) = 0;
  /// What is due may leave this queue after this call: the host calls take_due().
  virtual void release_due(DelayQueue& queue) = 0;
  /// What all queues of the shard share.
  virtual QueueMemory& memory() = 0;
  /// Calls resume() when messages have been acked and may be delivered again.
  virtual void wait_for_acks(Queue& queue) = 0;
  /// Nobody uses the queue any more (auto-delete, x-expires): delete it after this call.
  virtual void queue_ended(Queue& queue) = 0;
  virtual void read_fault(const StoredQueue& queue, std::string_view what) = 0;
};

/// What a queue has done, for management.
struct QueueCounters {
  std::uint64_t publish = 0;
  std::uint64_t deliver = 0;
  std::uint64_t deliver_no_ack = 0;
  std::uint64_t ack = 0;
  std::uint64_t get = 0;
  std::uint64_t get_no_ack = 0;
  std::uint64_t get_empty = 0;
  std::uint64_t redeliver = 0;
};

/// A queue: messages in order, and who gets them. Lives on one shard and is touched by its thread
/// alone.
class Queue final : public StoredQueue {
 public:
  Queue(std::shared_ptr<QueueRecord> record, QueueHost& host);

  /// What is in force: the record's settings, or those with policies.
  [[nodiscard]] const QueueSettings& settings() const { return *settings_; }

  [[nodiscard]] const std::shared_ptr<const QueueSettings>& shared_settings() const {
    return settings_;
  }

  /// Policies have changed: from now on these hold, for messages that are here already too.
  void change_settings(std::shared_ptr<const QueueSettings> settings);

  /// To a dead-letter exchange.
  [[nodiscard]] bool may_have_passed_on() const override { return had_dead_letter_exchange_; }

  [[nodiscard]] bool stores(const Message& message) const override {
    return sub_queues_.front()->stores(message);
  }

  // ---- publishing ----
  PublishAnswer publish(MessagePtr message, const PublisherRef& publisher);

  // ---- consuming ----
  /// Whether the consumer may start; exclusive ones are refused beside others.
  [[nodiscard]] std::optional<ProtocolError> check_consumer(
      const ConsumerSpecification& specification) const;
  void start_consumer(const ConsumerSpecification& specification);
  void cancel_consumer(ConsumerId id);
  void settle(ConsumerId consumer, Settlement settlement, std::span<const MessagePlace> places);
  /// The dead letters of these messages are in the batch that this settlement will be in.
  void dead_lettered(std::span<const MessagePlace> places);
  /// See LeaveQueue.
  void leave(std::span<const LeaveQueue::Holder> holders);
  void grant_tokens(ConsumerId consumer, std::uint32_t count);
  void change_channel_limit(ConsumerId consumer, bool channel_limited);
  /// Deliveries may go on.
  void resume();

  /// A connection has room again for this consumer.
  void window_opened(Consumer& consumer);
  /// basic.get: fills in the answer, or leaves it for later when the message must be read first.
  void get(GetMessage&& get);

  // ---- the whole queue ----
  std::uint64_t purge();
  /// And cancels the consumers.
  void end() override;

  /// basic.get, declare and the like: x-expires starts anew.
  void touch();
  void on_timer() override;

  // ---- the store
  [[nodiscard]] bool is_settled(MessagePlace place) const override;
  bool note_transient_floors(storage::Batch& batch) override;

  /// Messages of an earlier run, or of before its first consumer, are not delivered before the
  /// record that says so is committed: after a crash they must come back as redelivered.
  [[nodiscard]] bool is_first_use_uncommitted() const override {
    return first_use_ == FirstUse::uncommitted;
  }

  void first_use_committed();

  /// Unless somebody consumes it.
  void page_out() override;
  void rows_read(Priority priority, std::uint64_t generation, std::vector<StoredRow> rows,
                 const storage::ReadOutcome& outcome) override;
  void restore(const storage::QueueProgress& progress, bool clean_stop) override;

  // ---- for management ----
  [[nodiscard]] std::uint64_t ready_count() const;
  [[nodiscard]] std::uint64_t ready_bytes() const;
  [[nodiscard]] std::uint64_t unacked_count() const;
  [[nodiscard]] std::uint64_t unacked_bytes() const;
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] std::uint64_t count_in_memory() const;

  [[nodiscard]] const Consumers& consumers() const { return consumers_; }

  [[nodiscard]] const QueueCounters& counters() const { return counters_; }

  void check_invariants() const;

 private:
  friend class Shard;

  void row_sealed(MessagePlace place, const Message& message) override;
  void row_committed(MessagePlace place, bool committed) override;
  [[nodiscard]] storage::QueueProgress make_progress() override;
  [[nodiscard]] bool is_paged() const override;

  SubQueue& sub_queue(Priority priority);
  [[nodiscard]] SubQueue* find_sub_queue(Priority priority);
  [[nodiscard]] const SubQueue* find_sub_queue(Priority priority) const;
  SubQueue& push_target(const Message& message);

  enum class FirstUse { none, uncommitted, committed };

  void note_use();
  void deliver_ready();
  [[nodiscard]] bool must_wait_for_acks(const Consumer& consumer);
  [[nodiscard]] SubQueue* next_sub_queue();
  [[nodiscard]] Consumer* next_consumer();
  void deliver_front(SubQueue& from, Consumer& consumer);
  void read_ahead();
  void read_has_failed(const std::string& error);
  void answer_gets();
  void answer_get(const GetMessage& get, SubQueue* from);
  std::unique_ptr<Consumer> remove_consumer(ConsumerId id);
  /// After one has gone: an auto-delete queue ends with the last.
  bool ends_with_its_consumers();
  void settle_one(Settlement settlement, MessagePlace place, ConsumerId expected,
                  Consumer* consumer);
  void give_back_rest_of(const LeaveQueue::Holder& holder);
  void messages_came_back();
  void give_back(SubQueue& sub_queue, Position position, const UnackedMessage& unacked);
  void return_unused_tokens();
  void regain_credit(Consumer& consumer);

  [[nodiscard]] std::optional<std::int64_t> expires_at_ms(const Message& message) const;

  [[nodiscard]] bool may_expire() const {
    return has_expiring_messages_ || settings_->message_ttl_ms.has_value();
  }

  void drop_expired();
  void drop_over_limit();
  [[nodiscard]] bool refuses(const Message& message);
  [[nodiscard]] bool goes_straight_to_a_consumer();
  void drop_front(SubQueue& from, DeadLetterReason reason);
  void letter_kept(const Message& message);
  [[nodiscard]] bool may_keep_another_letter() const;
  void drop_unacked(SubQueue& sub_queue, Position position, DeadLetterReason reason);
  [[nodiscard]] bool has_length_limit() const;
  [[nodiscard]] bool drops_its_head() const;
  [[nodiscard]] bool is_over_limit(std::uint64_t count, std::uint64_t bytes) const;
  [[nodiscard]] bool must_drop() const;
  void schedule_timer();
  void set_timer(std::int64_t at_ms);
  void progress_changed(bool urgent = false);

  std::shared_ptr<const QueueSettings> settings_;  // never null
  QueueHost& host_;
  std::vector<std::unique_ptr<SubQueue>> sub_queues_;  // highest priority first
  Consumers consumers_;
  std::vector<GetMessage> waiting_gets_;  // until their message has been read
  QueueCounters counters_;
  std::int64_t last_used_ms_ = 0;        // steady; for x-expires
  std::uint32_t tokens_held_ = 0;        // by all consumers together
  std::uint64_t kept_letters_ = 0;       // messages of ConsumerId::dead_lettering
  std::size_t kept_letters_bytes_ = 0;   // their memory
  std::uint64_t kept_body_bytes_ = 0;    // their bodies
  FirstUse first_use_ = FirstUse::none;  // by a consumer or a get
  bool has_expiring_messages_ = false;   // some message had an expiration of its own
  bool had_dead_letter_exchange_ = false;
  bool waits_for_acks_ = false;
  bool had_read_fault_ = false;  // the next read waits for the timer
  bool delivering_ = false;
};

}  // namespace lepus::model
