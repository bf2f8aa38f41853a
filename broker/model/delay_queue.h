#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broker/model/delayed_messages.h"
#include "broker/model/publish_answer.h"
#include "broker/model/queue.h"
#include "broker/model/stored_queue.h"

namespace lepus::model {

/// Where an exchange of the type x-delayed-message keeps what is not due yet. Lives on one shard
/// and is touched by its thread alone. When the time has come its shard takes a message, routes it
/// by the exchange's bindings as they are then, and settles it here together with the publishes.
///
/// Time is the wall clock's as of when the queue was made, and goes on steadily: it follows no
/// jumps, and never begins before what an earlier run had released.
class DelayQueue final : public StoredQueue {
 public:
  /// @param sequences  see DelayedMessages; other values are for tests
  DelayQueue(std::shared_ptr<QueueRecord> record, QueueHost& host,
             std::uint32_t sequences = DelayedMessages::sequences_max);

  /// The message waits for as long as its header x-delay says.
  PublishAnswer publish(MessagePtr message, const PublisherRef& publisher);

  struct Due {
    MessagePlace place;
    MessagePtr message;
  };

  /// The next message whose time has come, if it is in memory and not too much is on its way; to be
  /// settled.
  [[nodiscard]] std::optional<Due> take_due();

  /// These messages are in the batch that this settlement will be in.
  void settle(std::span<const MessagePlace> places);

  /// After the last take_due(): asks the host for a release now or, by the timer, later.
  void schedule();

  [[nodiscard]] std::uint64_t waiting_count() const;

  // ---- StoredQueue
  [[nodiscard]] bool stores(const Message& /*message*/) const override { return is_durable(); }

  [[nodiscard]] bool is_settled(MessagePlace place) const override;

  [[nodiscard]] bool may_have_passed_on() const override { return true; }

  bool note_transient_floors(storage::Batch& batch) override;
  void rows_read(Priority priority, std::uint64_t generation, std::vector<StoredRow> rows,
                 const storage::ReadOutcome& outcome) override;
  void restore(const storage::QueueProgress& progress, bool clean_stop) override;
  void end() override;
  void page_out() override;
  void on_timer() override;

  void check_invariants() const;

 private:
  void row_sealed(MessagePlace place, const Message& message) override;
  void row_elided(MessagePlace place) override;
  void row_committed(MessagePlace place, bool committed) override;
  [[nodiscard]] storage::QueueProgress make_progress() override;
  [[nodiscard]] bool is_paged() const override;

  [[nodiscard]] std::int64_t now_ms() const;
  [[nodiscard]] DelayedMessages* find(Priority priority) const;
  DelayedMessages* add_lap(Priority priority);
  [[nodiscard]] DelayedMessages* lap_with_room();
  void read_ahead();
  void progress_changed(bool urgent = false);
  void set_timer(std::int64_t at_ms);
  void count_waiting();
  [[nodiscard]] bool is_full_of_taken() const;

  QueueHost& host_;
  const std::uint32_t sequences_;
  std::int64_t steady_to_due_ms_;  // what makes a due time of a steady one
  // By priority. The next one is begun when the sequence numbers of one are used up.
  std::vector<std::unique_ptr<DelayedMessages>> laps_;
  DelayedMessages* current_ = nullptr;  // takes what is published
  bool had_read_fault_ = false;         // the next read waits for the timer
};

}  // namespace lepus::model
