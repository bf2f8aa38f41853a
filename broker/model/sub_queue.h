#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/model/delivery_counts.h"
#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "broker/model/position_set.h"
#include "broker/model/progress_pages.h"
#include "broker/model/queue_memory.h"
#include "broker/model/stored_queue.h"
#include "storage/store.h"

namespace lepus::model {

/// A ready message in memory.
struct ReadyMessage {
  MessagePtr message;
  Position position = 0;
  std::uint32_t delivery_count = 0;  ///< how often it was given back
  bool redelivered = false;
};

/// A delivered message that waits for its settlement.
struct UnackedMessage {
  MessagePtr message;
  ConsumerId consumer = ConsumerId::none;
  std::uint32_t delivery_count = 0;
};

/// Which messages of a queue have durable rows.
enum class Durability {
  none,        ///< of a transient queue
  persistent,  ///< of a durable queue: those that were published as persistent
  all,         ///< of a quorum queue
};

/// Messages of one priority level, by position. In order of position these are: what was given back
/// (`returned_`), the head in memory, the gap that lives on disk only, and the tail: newer messages
/// whose batch is not committed yet. Without a gap there is no tail: everything that is ready is in
/// memory. Positions rise with publishing, so whatever was delivered lies below the head.
///
/// Decides nothing by itself: the queue tells it what to push, take, settle and read.
class SubQueue {
 public:
  SubQueue(Priority priority, Durability durability, QueueMemory& memory)
      : priority_(priority),
        durability_(durability),
        progress_limits_(memory.progress),
        unacked_bytes_(memory.unacked_bytes),
        memory_bytes_(memory.used_bytes) {}

  [[nodiscard]] Priority priority() const { return priority_; }

  // ---- publishing ----
  struct Pushed {
    Position position = 0;
    bool needs_row = false;  ///< a durable row, or a transient one because memory is full
  };

  /// @param window_bytes_max  what may stay in memory at the head
  Pushed push(MessagePtr message, std::size_t window_bytes_max);

  // ---- delivering ----
  /// The next message, if it is in memory.
  [[nodiscard]] const ReadyMessage* front() const;

  /// Something is ready, but it must be read first.
  [[nodiscard]] bool front_is_on_disk() const { return front() == nullptr && ready_count_ > 0; }

  /// Takes front() out of what is ready; it is then either marked unacked or settled.
  ReadyMessage take_front();
  void mark_unacked(const ReadyMessage& taken, ConsumerId consumer);

  // ---- settling ----
  /// The unacked message, or null when it is not known (settled before, or purged with its queue).
  [[nodiscard]] const UnackedMessage* find_unacked(Position position) const;
  /// Another consumer answers for it from now on.
  void reassign_unacked(Position position, ConsumerId consumer);
  /// The positions of what that consumer has, rising. Looks at all that is unacked.
  [[nodiscard]] std::vector<Position> unacked_of(ConsumerId consumer) const;
  /// Done with a taken message for ever. `message` tells whether a row of it may be stored.
  void settle(Position position, const Message& message);
  void settle_unacked(Position position);
  /// Back to its old place.
  void give_back(Position position);
  /// Settles everything that is ready. @return how many.
  std::uint64_t purge();

  // ---- memory and disk ----
  /// What to read next so that the head does not run dry; nothing while a read is under way or none
  /// is needed.
  [[nodiscard]] std::optional<storage::PositionRange> wanted_read(
      std::size_t window_bytes_max) const;
  /// @return the generation that rows_read() must bring back.
  std::uint64_t read_started();
  /// @return false when messages that should have been there were not: a read fault.
  bool rows_read(std::uint64_t generation, std::vector<StoredRow> rows, Position covered_below);
  void read_failed(std::uint64_t generation);
  /// Lets go of a head that is on disk as a whole; it is read again when it is wanted.
  void page_out();
  /// The store has committed everything that was sealed below this position.
  void committed(Position below);

  /// Settled for ever: a row of it need not be written.
  [[nodiscard]] bool is_settled(Position position) const { return settled_.contains(position); }

  /// It is to outlast a restart.
  [[nodiscard]] bool stores(const Message& message) const {
    return durability_ == Durability::all ||
           (durability_ == Durability::persistent && message.is_persistent());
  }

  /// A row was put into a batch that is being sealed.
  void row_sealed(const Message& message);

  /// Everything below next_position() has now been decided: stored, or never to be.
  void sealed() { sealed_below_ = next_position_; }

  [[nodiscard]] Position sealed_below() const { return sealed_below_; }

  /// The record to be written now, with the pages that have changed since the last call.
  [[nodiscard]] storage::SubQueueProgress seal_progress();
  /// @return whether the record is out of date: more counts as delivered now, which must outlast a
  /// clean stop.
  bool restore(const storage::SubQueueProgress& progress, bool clean_stop);
  /// All transient rows below it are dead. Nothing if that is so since the last call.
  [[nodiscard]] std::optional<Position> take_moved_transient_floor();

  /// Some message may live on disk only.
  [[nodiscard]] bool is_paged() const { return paged_; }

  /// What comes next is on disk and nobody has asked for it.
  [[nodiscard]] bool needs_reading() const { return front_is_on_disk() && !read_in_flight_; }

  /// Messages that are not settled have been sealed.
  [[nodiscard]] bool has_stored() const { return stored_count_ > 0; }

  void note_consumer() { had_consumer_ = true; }

  [[nodiscard]] std::uint64_t ready_count() const { return ready_count_; }

  [[nodiscard]] std::uint64_t ready_bytes() const { return ready_bytes_; }

  [[nodiscard]] std::uint64_t unacked_count() const { return unacked_.size(); }

  [[nodiscard]] std::uint64_t unacked_bytes() const { return unacked_bytes_; }

  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

  [[nodiscard]] std::uint64_t count_in_memory() const {
    return head_.size() + tail_.size() + returned_.size() + unacked_.size();
  }

  /// Dies when the counts do not add up. For tests and the simulator, after each step.
  void check_invariants() const;

 private:
  using Messages = boost::container::deque<
      ReadyMessage, void,
      boost::container::deque_options<boost::container::block_bytes<2048>>::type>;

  [[nodiscard]] Position gap_end() const {
    return tail_.empty() ? next_position_ : tail_.front().position;
  }

  void append_to_head(ReadyMessage message);
  void leave_paged_mode_if_gap_is_read();
  void forget_missing_messages();
  [[nodiscard]] Position transient_floor() const;
  void note_settled(Position position);
  void settle_absent(Position begin, Position end);
  void seal_sets(storage::SubQueueProgress& progress);
  void restore_sets(const storage::SubQueueProgress& progress);

  [[nodiscard]] bool is_stored(Position position, const Message& message) const {
    return stores(message) && position < sealed_below_;
  }

  [[nodiscard]] bool was_delivered_before(Position position) const {
    return position < redelivered_below_;
  }

  const Priority priority_;
  const Durability durability_;
  const ProgressLimits& progress_limits_;

  std::map<Position, ReadyMessage> returned_;
  Messages head_;
  bool paged_ = false;           // there is a gap or a tail
  Position gap_begin_ = 0;       // while paged: the gap is [gap_begin_, gap_end())
  std::uint64_t gap_count_ = 0;  // ready messages in it
  Messages tail_;
  boost::unordered_flat_map<Position, UnackedMessage> unacked_;
  DeliveryCounts delivery_counts_;  // of messages that are not settled

  Position next_position_ = 0;
  Position sealed_below_ = 0;
  Position committed_below_ = 0;
  PositionSet settled_;
  std::unique_ptr<ProgressPages> pages_;  // of settled_ and delivery_counts_, while they need any
  // From before the restart: what is not settled there and has no row was transient.
  Position restored_below_ = 0;
  std::uint64_t stored_count_ = 0;
  std::uint64_t stored_bytes_ = 0;
  Position delivered_below_ = 0;
  Position redelivered_below_ = 0;  // from before the restart
  Position noted_transient_floor_ = 0;
  bool had_consumer_ = false;

  std::uint64_t ready_count_ = 0;
  std::uint64_t ready_bytes_ = 0;
  CountedBytes unacked_bytes_;
  std::size_t head_bytes_ = 0;  // memory of head_
  CountedBytes memory_bytes_;   // memory of head_, tail_, returned_ and unacked_

  bool read_in_flight_ = false;
  std::uint64_t read_generation_ = 0;
};

}  // namespace lepus::model
