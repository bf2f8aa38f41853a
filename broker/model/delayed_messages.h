#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "broker/model/position_set.h"
#include "broker/model/queue_memory.h"
#include "broker/model/stored_queue.h"
#include "storage/store.h"

namespace lepus::model {

/// Messages in the order of the times at which they are due. A message's position is its due time
/// and a sequence number that tells those of one millisecond apart, so the store keeps the rows in
/// that order, and what is due next is read as the head of a queue is.
///
/// What waits is either near or far: everything below a boundary is in memory, the rest is on disk,
/// or will be once its batch is committed. The boundary moves up as rows are read, and down as the
/// near ones outgrow their window.
///
/// Decides nothing by itself: the delay queue tells it what to push, take, settle and read.
class DelayedMessages {
 public:
  static constexpr unsigned sequence_bits = 22;
  /// All but one, which in a record says that there is none left.
  static constexpr std::uint32_t sequences_max = (std::uint32_t{1} << sequence_bits) - 1;

  /// No time behind it fits into a position.
  static constexpr std::int64_t due_ms_limit =
      (std::int64_t{1} << (64 - sequence_bits)) - 2;  // in the year 2109

  /// The due time in a position, in milliseconds since 1970-01-01 UTC.
  static constexpr std::int64_t due_ms_of(Position position) {
    return static_cast<std::int64_t>(position >> sequence_bits);
  }

  static constexpr Position position_at(std::int64_t due_ms, std::uint32_t sequence) {
    return (static_cast<Position>(due_ms) << sequence_bits) | sequence;
  }

  /// A record's next position: above every position, and with the next sequence number in it.
  static constexpr Position next_position(std::int64_t due_ms_max, std::uint32_t next_sequence) {
    return position_at(due_ms_max + 1, next_sequence);
  }

  /// sequences_max: there is none left.
  static constexpr std::uint32_t next_sequence_of(Position next_position) {
    return static_cast<std::uint32_t>(next_position & sequences_max);
  }

  /// The first time at which none of the positions below is due.
  static constexpr std::int64_t first_ms_after(Position below) {
    return below == 0 ? 0 : due_ms_of(below - 1) + 1;
  }

  /// @param is_stored  the rows are to outlast a restart
  /// @param sequences  how many messages it may take before it was empty once; less for tests
  DelayedMessages(Priority priority, bool is_stored, QueueMemory& memory, std::uint32_t sequences)
      : priority_(priority),
        is_stored_(is_stored),
        sequences_(sequences),
        memory_bytes_(memory.used_bytes) {}

  [[nodiscard]] Priority priority() const { return priority_; }

  // ---- publishing
  /// It has no sequence number left: takes no more before restart_sequence().
  [[nodiscard]] bool is_full() const { return sequence_ >= sequences_; }

  /// Nothing is here, not even what is still being written.
  [[nodiscard]] bool is_empty() const {
    return waiting_count() == 0 && taken_.empty() && unwritten_.empty();
  }

  void restart_sequence();

  /// What is pushed now is due at this time at the earliest.
  [[nodiscard]] std::int64_t first_free_ms() const;

  /// The message is due at that time, or as soon as it can be behind what was due before and has
  /// been taken. Every message needs a row. Only if it is not full.
  Position push(MessagePtr message, std::int64_t due_ms);

  // ---- taking what is due
  /// The position of what is due next, if that is in memory.
  [[nodiscard]] std::optional<Position> front() const;

  /// Something waits, but it must be read first.
  [[nodiscard]] bool front_is_on_disk() const { return near_.empty() && far_count_ > 0; }

  /// Takes front() until it is settled.
  MessagePtr take_front();
  /// Done with a taken message for ever.
  void settle(Position position);

  [[nodiscard]] std::size_t taken_count() const { return taken_.size(); }

  /// The memory of what is taken.
  [[nodiscard]] std::size_t taken_bytes() const { return taken_bytes_; }

  /// When the last message that is near is due; nothing if none is.
  [[nodiscard]] std::optional<std::int64_t> near_until_ms() const {
    return near_.empty() ? std::nullopt : std::optional{due_ms_of(near_.rbegin()->first)};
  }

  /// Forgets everything: the queue has ended.
  void clear();

  // ---- memory and disk
  /// What to read next so that what is due is in memory in time; nothing while a read is under way
  /// or none is needed.
  [[nodiscard]] std::optional<storage::PositionRange> wanted_read(
      std::size_t window_bytes_max) const;
  /// @return the generation that rows_read() must bring back.
  std::uint64_t read_started();
  /// @return false when messages that should have been there were not: a read fault.
  bool rows_read(std::uint64_t generation, std::vector<StoredRow> rows, Position covered_below);
  void read_failed(std::uint64_t generation);
  /// Lets go of the last ones that are near and on disk, down to so many bytes.
  void shrink_to(std::size_t window_bytes);

  [[nodiscard]] bool is_settled(Position position) const { return settled_.contains(position); }

  void row_sealed(Position position, const Message& message);

  /// It was settled before its batch was sealed.
  void row_elided(Position position) { unwritten_.erase(position); }

  /// If not committed, the message stays in memory: it is not known whether it is on disk. The
  /// next commit proves that it is, since it follows the repeated one.
  void row_committed(Position position, bool committed);
  [[nodiscard]] storage::SubQueueProgress make_progress() const;
  void restore(const storage::SubQueueProgress& progress);
  /// All transient rows below it are dead. Nothing if that is so since the last call.
  [[nodiscard]] std::optional<Position> take_moved_transient_floor();

  [[nodiscard]] std::uint64_t waiting_count() const { return near_.size() + far_count_; }

  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

  /// Dies when the counts do not add up. For tests, after each step.
  void check_invariants() const;

 private:
  /// Its row is not committed, as far as is known.
  struct Unwritten {
    MessagePtr message;  // if it is far and not taken
    bool is_sealed = false;
    bool is_doubtful = false;  // its commit has ended, nobody knows how
  };

  struct Taken {
    std::uint64_t body_bytes = 0;
    std::size_t memory_bytes = 0;
  };

  void forget_unwritten(std::map<Position, Unwritten>::iterator unwritten);
  void doubtful_are_written();

  [[nodiscard]] bool is_stored(Position position) const;
  void add_near(Position position, MessagePtr message);
  void bring_near(std::map<Position, MessagePtr>& in_memory);
  void count_stored_anew();

  const Priority priority_;
  const bool is_stored_;
  const std::uint32_t sequences_;

  std::map<Position, MessagePtr> near_;  // all that waits below near_below_
  Position near_below_ = UINT64_MAX;
  std::size_t near_bytes_ = 0;
  std::uint64_t far_count_ = 0;  // what waits at or above it
  std::map<Position, Unwritten> unwritten_;
  // Far ones whose rows were committed while a read was under way that may have missed them.
  std::map<Position, MessagePtr> reread_;
  std::map<Position, Taken> taken_;
  std::size_t taken_bytes_ = 0;
  std::vector<Position> doubtful_;  // and perhaps settled meanwhile

  PositionSet settled_;
  Position taken_below_ = 0;    // nothing waits below it
  Position accepted_from_ = 0;  // what comes is due here at the earliest: from before the restart
  std::uint32_t sequence_ = 0;
  std::int64_t due_ms_max_ = 0;  // that any position has had
  Position noted_transient_floor_ = 0;
  std::uint64_t stored_count_ = 0;
  std::uint64_t stored_bytes_ = 0;
  CountedBytes memory_bytes_;  // of what is near, unwritten or taken

  bool read_in_flight_ = false;
  std::uint64_t read_generation_ = 0;
};

}  // namespace lepus::model
