#pragma once

#include <chrono>
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
/// After a fault the committer asks the backend to go on, at once and then after growing intervals;
/// what is appended meanwhile waits. The units of the failed write are committed again first:
/// those of partitions have been answered with `unknown` by then, those of the topology are
/// answered when it is certain how they ended.
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

  [[nodiscard]] StoreHealth health() const override { return backend_->health(); }

  void close(bool everything_committed) override;

 private:
  struct ReadJob {
    ReadRequest request;
    RowVisitor visit;
    std::function<void(ReadOutcome)> done;
  };

  using Clock = std::chrono::steady_clock;

  enum class State { running, draining, abandoned };

  void run_committer();
  [[nodiscard]] bool resume_is_due() const;
  void resume();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void finish_recovery(std::unique_lock<std::mutex>& lock);
  void take_units();
  [[nodiscard]] std::span<AppendUnit> first_units();
  void commit_first_units();
  void answer_unknown(std::span<AppendUnit> units);
  void give_up(std::unique_lock<std::mutex>& lock);
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

  // The committer's:
  std::vector<AppendUnit> waiting_;  ///< in their order; at first those of a failed write
  bool has_recovered_ = false;
  Clock::duration resume_delay_{};  ///< grows until commits succeed again
  Clock::time_point resume_at_{};
  bool resumed_at_end_ = false;

  std::mutex read_mutex_;
  std::condition_variable read_waiting_;
  // Protected by read_mutex_:
  std::deque<ReadJob> reads_;
  State read_state_ = State::running;

  std::vector<std::thread> threads_;
  std::thread backup_thread_;
};

}  // namespace lepus::storage
