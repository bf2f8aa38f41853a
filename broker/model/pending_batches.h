#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/model/stored_queue.h"
#include "storage/cut_gate.h"
#include "storage/store.h"

namespace lepus::model {

/// What the partitions of one shard still have to commit, and what is being committed. One unit is
/// with the store at a time (but for cuts): while it is being synced the next one grows, so batches
/// grow by themselves with the load, and what is settled before its batch is sealed is never
/// written.
///
/// Runs on the shard's thread.
class PendingBatches {
 public:
  /// Publishers that a row belongs to are told through this; refused: it is not known to be safe.
  using Answer = std::function<void(const PublisherRef&, bool refused)>;

  /// What the queues learn of a commit, besides their rows.
  struct Finished {
    std::vector<QueueId> first_uses;  ///< see Queue::first_use_committed
  };

  /// @param shard  whose units these are, for the gate
  PendingBatches(ShardIndex shard, storage::Store& store, storage::CutGate& gate, Answer answer)
      : shard_(shard), store_(store), gate_(gate), answer_(std::move(answer)) {}

  void load(const storage::Recovered& recovered);

  void add(PendingRow&& row, std::int64_t now_ms);
  void progress_changed(StoredQueue& queue, bool urgent, std::int64_t now_ms);
  /// No record of the queue is written any more.
  void forget_progress(StoredQueue& queue);
  /// The topology's log says that the queue is gone; here its rows and record go, behind the units
  /// that still have something of it.
  void queue_deleted(const QueueRecord& queue, std::int64_t now_ms);

  /// These are answered with the next unit, which is due now: it holds all that they wait for.
  void add_waiters(std::span<const PublisherRef> waiters, std::int64_t now_ms);

  /// Something waits, and has waited long enough (or somebody waits for it), and the store is idle.
  [[nodiscard]] bool is_due(std::int64_t now_ms) const;

  [[nodiscard]] bool is_idle() const { return in_flight_.empty() && !has_pending(); }

  [[nodiscard]] bool is_committing() const { return !in_flight_.empty(); }

  /// Bytes that wait for the store, sealed or not.
  [[nodiscard]] std::size_t bytes() const { return pending_bytes_ + in_flight_bytes_; }

  /// Seals everything that waits and hands it to the store. `done` is called on a thread of the
  /// store's, and has to bring the outcome back to this thread: finished(). As a part of a cut,
  /// what waits is sealed even while another unit is with the store, and a unit goes there even if
  /// there is nothing to write.
  void seal(storage::Cut cut, std::function<void(storage::Outcome)> done);
  Finished finished(storage::Outcome outcome);

  /// Forgets all rows without an answer, before the queues go.
  void abandon();

 private:
  struct Partition {
    storage::BatchNumber last_number = 0;
    std::vector<PendingRow> rows;
    std::vector<StoredQueue*> changed;  // queues whose progress record must be written
    std::vector<StoredQueue*> paging;   // queues with transient rows on disk
    std::vector<QueueId> deleted;
  };

  /// What was handed to the store as one.
  struct Unit {
    std::vector<PendingRow> rows;
    // Who is answered besides the rows' publishers. Among them those of rows that were settled
    // before they were written, but by a transaction or by dead-lettering: safe when what took
    // their place is, which lies in the same unit.
    std::vector<PublisherRef> waiters;
    std::vector<QueueId> first_uses;
    std::size_t bytes = 0;
    bool holds_groups = false;
  };

  /// Large messages, and where they are about to be stored.
  using Owners = boost::unordered_flat_map<const Message*, std::vector<storage::MessageKey>>;

  [[nodiscard]] bool has_pending() const { return deadline_ms_ != INT64_MAX; }

  void wants_commit_by(std::int64_t deadline_ms) {
    deadline_ms_ = std::min(deadline_ms_, deadline_ms);
  }

  [[nodiscard]] Owners collect_owners() const;
  void put_row(const PendingRow& row, storage::Batch& batch);
  /// @return null when nothing of the partition needs writing.
  std::unique_ptr<storage::Batch> seal_partition(Partition& partition, Unit& unit);
  /// @return whether the row is in the batch.
  bool seal_row(PendingRow& row, Partition& partition, storage::Batch& batch, Unit& unit);
  /// @return whether some floor has moved.
  static bool note_transient_floors(Partition& partition, storage::Batch& batch);

  const ShardIndex shard_;
  storage::Store& store_;
  storage::CutGate& gate_;
  Answer answer_;
  std::array<Partition, storage::partition_count> partitions_;
  std::int64_t deadline_ms_ = INT64_MAX;
  std::size_t pending_bytes_ = 0;
  std::size_t pending_large_rows_ = 0;  // with bodies that may be shared
  std::vector<PublisherRef> waiters_;
  Owners owners_;  // while a unit is being sealed
  std::deque<Unit> in_flight_;
  std::size_t in_flight_bytes_ = 0;
  std::vector<PendingRow> spare_rows_;  // empty, with memory for the next unit
};

}  // namespace lepus::model
