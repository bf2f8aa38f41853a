#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "broker/model/queue_record.h"
#include "storage/store.h"

namespace lepus::model {

class StoredQueue;

/// A message that must be written before its publisher is answered (or, if transient, before it
/// leaves memory).
struct PendingRow {
  StoredQueue* queue = nullptr;
  MessagePlace place;
  MessagePtr message;
  PublisherRef publisher;
};

/// A row that was read ahead.
struct StoredRow {
  Position position = 0;
  bool transient = false;
  MessagePtr message;
};

/// What the batches of a shard and its timers know of a queue: the rows that it has in pending or
/// in-flight batches, and the progress record that goes with them.
class StoredQueue {
 public:
  StoredQueue(const StoredQueue&) = delete;
  StoredQueue& operator=(const StoredQueue&) = delete;
  virtual ~StoredQueue();

  [[nodiscard]] const QueueRecord& record() const { return *record_; }

  [[nodiscard]] const std::shared_ptr<QueueRecord>& shared_record() const { return record_; }

  [[nodiscard]] bool is_durable() const { return record_->durable; }

  /// It is only kept for what is still being committed.
  [[nodiscard]] bool has_ended() const { return ended_; }

  /// The message is to outlast a restart here.
  [[nodiscard]] virtual bool stores(const Message& message) const = 0;

  /// Settled for ever: a row of it need not be written.
  [[nodiscard]] virtual bool is_settled(MessagePlace place) const = 0;

  /// Messages may have left for other queues, in this run: those are to be stored before a
  /// publisher is told that a row was settled.
  [[nodiscard]] virtual bool may_have_passed_on() const = 0;

  // ---- sealing a batch
  /// The batch takes this row. @return false: it must not be written.
  bool seal_row(const PendingRow& row);
  /// After all rows of the batch: the record that belongs into it.
  [[nodiscard]] storage::QueueProgress seal_progress();
  /// @return whether some floor has moved since the last time.
  virtual bool note_transient_floors(storage::Batch& batch) = 0;
  /// A transient row was sealed: adds the queue unless it is among them.
  void mark_paging(std::vector<StoredQueue*>& paging);
  /// True once none of its messages lives on disk only; it is marked again by the next such row.
  bool ends_paging();
  /// A batch that takes a row takes the record too: adds the queue unless it is among them.
  void mark_progress_changed(std::vector<StoredQueue*>& changed);

  /// The commit with the record is to be told by Queue::first_use_committed().
  [[nodiscard]] virtual bool is_first_use_uncommitted() const { return false; }

  // ---- afterwards
  /// The row's commit has ended. Only what is committed may leave memory.
  void row_finished(MessagePlace place, bool committed);

  [[nodiscard]] bool has_unfinished_rows() const { return pending_rows_ > 0; }

  virtual void rows_read(Priority priority, std::uint64_t generation, std::vector<StoredRow> rows,
                         const storage::ReadOutcome& outcome) = 0;
  /// What the store has. Once, before anything else.
  virtual void restore(const storage::QueueProgress& progress, bool clean_stop) = 0;
  /// Settles everything.
  virtual void end() = 0;
  /// Lets go of what can be read again, unless somebody wants it.
  virtual void page_out() = 0;

  // ---- time
  virtual void on_timer() = 0;

  /// When on_timer() is due (steady); 0: never.
  [[nodiscard]] std::int64_t timer_at_ms() const { return timer_at_ms_; }

 protected:
  explicit StoredQueue(std::shared_ptr<QueueRecord> record) : record_(std::move(record)) {}

  void note_pending_row() { ++pending_rows_; }

  /// The batches write the queue's record, or the floors of its transient rows, in any case.
  [[nodiscard]] bool is_change_known() const {
    return is_durable() ? progress_is_dirty_ : !is_marked_paging_;
  }

  /// Hands what was read to the part that has asked for it.
  /// @param part  with rows_read() and read_failed()
  /// @return false: messages that should have been there were not
  template <typename Part>
  static bool take_rows(Part& part, std::uint64_t generation, std::vector<StoredRow> rows,
                        const storage::ReadOutcome& outcome) {
    if (outcome.failed && rows.empty()) {
      part.read_failed(generation);
      return true;
    }
    const Position covered_below =
        outcome.failed ? rows.back().position + 1 : outcome.covered_below;
    return part.rows_read(generation, std::move(rows), covered_below);
  }

  /// See note_transient_floors().
  /// @param parts  with priority() and take_moved_transient_floor(), behind pointers
  template <typename Parts>
  bool note_floors_of(const Parts& parts, storage::Batch& batch) {
    bool has_moved = false;
    for (const auto& part : parts) {
      if (const auto floor = part->take_moved_transient_floor()) {
        batch.note_transient_floor(record().id, part->priority(), *floor);
        has_moved = true;
      }
    }
    return has_moved;
  }

  void note_timer(std::int64_t at_ms) { timer_at_ms_ = at_ms; }

  void note_end() { ended_ = true; }

 private:
  /// The row is in a batch, or never will be.
  virtual void row_sealed(MessagePlace place, const Message& message) = 0;

  virtual void row_elided(MessagePlace /*place*/) {}

  virtual void row_committed(MessagePlace place, bool committed) = 0;
  [[nodiscard]] virtual storage::QueueProgress make_progress() = 0;
  [[nodiscard]] virtual bool is_paged() const = 0;

  const std::shared_ptr<QueueRecord> record_;
  std::int64_t timer_at_ms_ = 0;
  std::uint32_t pending_rows_ = 0;  // rows in pending or in-flight batches name this queue
  bool progress_is_dirty_ = false;
  bool is_marked_paging_ = false;
  bool ended_ = false;
};

}  // namespace lepus::model
