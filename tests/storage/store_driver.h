#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace lepus::storage {

/// A row as a test compares it.
struct SeenRow {
  Position position = 0;
  bool transient = false;
  std::string payload;

  bool operator==(const SeenRow&) const = default;
};

/// Opens the same data again and again; each kind of store has one.
class StoreOpener {
 public:
  virtual ~StoreOpener() = default;

  /// The store before must be gone; destroyed without close() it counts as a crash.
  virtual std::unique_ptr<Store> open() = 0;
};

/// Drives a store synchronously and numbers the batches, so that a test reads as what happened.
class StoreDriver {
 public:
  explicit StoreDriver(std::unique_ptr<StoreOpener> opener) : opener_(std::move(opener)) {
    start();
  }

  Store& store() { return *store_; }

  /// What the start found.
  const Recovered& recovered() const { return recovered_; }

  void finish_recovery(std::vector<QueueId> orphans = {}) {
    store_->recovery_finished(orphans);
    barrier();
  }

  using Fill = std::function<void(Batch&)>;

  NumberedBatch batch(LogId log, const Fill& fill) {
    NumberedBatch numbered{log, ++numbers_[log], store_->new_batch()};
    fill(*numbered.batch);
    return numbered;
  }

  Outcome append(std::vector<NumberedBatch> batches) {
    std::promise<Outcome> done;
    store_->append(std::move(batches), [&](Outcome outcome) { done.set_value(outcome); });
    return done.get_future().get();
  }

  /// One batch, committed.
  Outcome commit(LogId log, const Fill& fill) {
    std::vector<NumberedBatch> batches;
    batches.push_back(batch(log, fill));
    return append(std::move(batches));
  }

  Outcome commit(const Fill& fill) { return commit(0, fill); }

  /// Everything before it has been done by the committer.
  void barrier() { append({}); }

  std::pair<std::vector<SeenRow>, ReadOutcome> read(ReadRequest request) {
    std::vector<SeenRow> rows;
    std::promise<ReadOutcome> done;
    store_->read(
        request,
        [&](Position position, bool transient, std::string_view payload) {
          rows.push_back({position, transient, std::string(payload)});
        },
        [&](ReadOutcome outcome) { done.set_value(std::move(outcome)); });
    ReadOutcome outcome = done.get_future().get();
    return {std::move(rows), std::move(outcome)};
  }

  std::vector<SeenRow> rows(QueueId queue, Priority priority = 0) {
    return read({queue, priority, {0, ~Position{0}}, 0, 0}).first;
  }

  void close_and_reopen(bool everything_committed = true) {
    store_->close(everything_committed);
    store_.reset();
    start();
  }

  void crash_and_reopen() {
    store_.reset();
    start();
  }

 private:
  void start() {
    store_ = opener_->open();
    recovered_ = store_->take_recovered();
    numbers_ = recovered_.last_numbers;
  }

  std::unique_ptr<StoreOpener> opener_;
  std::unique_ptr<Store> store_;
  Recovered recovered_;
  std::map<LogId, BatchNumber> numbers_;
};

/// put_message with a payload of one part.
inline void put(Batch& batch, MessageKey key, std::string_view payload) {
  batch.put_message(key, std::span(&payload, 1));
}

inline void put_transient(Batch& batch, MessageKey key, std::string_view payload) {
  batch.put_transient_message(key, std::span(&payload, 1));
}

/// A progress record of the sub-queue 0 with nothing but a floor and an end.
inline QueueProgress progress_with_floor(Position floor, Position next_position) {
  SubQueueProgress sub_queue;
  sub_queue.floor = floor;
  sub_queue.next_position = next_position;
  return {{sub_queue}};
}

}  // namespace lepus::storage
