#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "storage/backend.h"
#include "storage/store_operations.h"

namespace lepus::storage {

/// A Store over a Backend: one committer thread takes everything that waits, commits it by one
/// write, calls each `done` and begins again, so that commits grow by themselves with the load; two
/// reader threads serve reads.
///
/// A store destroyed without close() stops like a killed process: what waits is forgotten and its
/// `done` never called. Callbacks run on the store's threads, must not throw and must not call
/// close().
class ThreadedStore final : public Store, public StoreOperations {
 public:
  explicit ThreadedStore(std::shared_ptr<Backend> backend);
  ~ThreadedStore() override;
  ThreadedStore(const ThreadedStore&) = delete;
  ThreadedStore& operator=(const ThreadedStore&) = delete;

  [[nodiscard]] Recovered take_recovered() override;

  /// Done by the committer before what is appended afterwards.
  void recovery_finished(std::span<const QueueId> orphans) override;
  [[nodiscard]] std::unique_ptr<Batch> new_batch() override;
  void append(std::vector<NumberedBatch> batches, std::function<void(Outcome)> done) override;
  void read(ReadRequest request, RowVisitor visit, std::function<void(ReadOutcome)> done) override;

  [[nodiscard]] StoreStatistics statistics() const override { return backend_->statistics(); }

  /// Called by one thread.
  void backup(std::filesystem::path to, std::function<void(const Result<void>&)> done) override;
  void close() override;

 private:
  struct ReadJob {
    ReadRequest request;
    RowVisitor visit;
    std::function<void(ReadOutcome)> done;
  };

  enum class State { running, draining, abandoned };

  void run_committer();
  void commit_units(std::span<AppendUnit> units);
  void finish_recovery(std::unique_lock<std::mutex>& lock);
  void run_reader();
  void stop(State state);

  const std::shared_ptr<Backend> backend_;

  std::mutex commit_mutex_;
  std::condition_variable commit_waiting_;
  // Protected by commit_mutex_:
  std::vector<AppendUnit> units_;
  std::vector<QueueId> orphans_;
  bool recovery_finished_ = false;  ///< to be passed on to the backend
  State commit_state_ = State::running;

  std::mutex read_mutex_;
  std::condition_variable read_waiting_;
  // Protected by read_mutex_:
  std::deque<ReadJob> reads_;
  State read_state_ = State::running;

  std::vector<std::thread> threads_;
  std::thread backup_thread_;
};

}  // namespace lepus::storage
