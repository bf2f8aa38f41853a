#include "storage/threaded_store.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::storage {

namespace {

constexpr std::size_t reader_count = 2;

/// One write takes no more than this (or one unit), so that joining batches needs bounded memory
/// and the first confirms of a long backlog do not wait for its end.
constexpr std::size_t commit_bytes_max = std::size_t{16} << 20;

std::size_t size_of(const AppendUnit& unit) {
  std::size_t size = 0;
  for (const NumberedBatch& numbered : unit.batches) {
    size += numbered.batch->size_bytes();
  }
  return size;
}

}  // namespace

ThreadedStore::ThreadedStore(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {
  threads_.emplace_back([this] { run_committer(); });
  for (std::size_t i = 0; i < reader_count; ++i) {
    threads_.emplace_back([this] { run_reader(); });
  }
}

ThreadedStore::~ThreadedStore() {
  stop(State::abandoned);
}

Recovered ThreadedStore::take_recovered() {
  return backend_->take_recovered();
}

void ThreadedStore::recovery_finished(std::span<const QueueId> orphans) {
  {
    std::lock_guard lock(commit_mutex_);
    orphans_.assign(orphans.begin(), orphans.end());
    recovery_finished_ = true;
  }
  commit_waiting_.notify_one();
}

std::unique_ptr<Batch> ThreadedStore::new_batch() {
  return backend_->new_batch();
}

void ThreadedStore::append(std::vector<NumberedBatch> batches, std::function<void(Outcome)> done) {
  {
    std::lock_guard lock(commit_mutex_);
    LEPUS_ASSERT(commit_state_ == State::running, "nothing is appended to a closed store");
    units_.push_back({std::move(batches), std::move(done)});
  }
  // Costs a system call only if the committer sleeps.
  commit_waiting_.notify_one();
}

void ThreadedStore::run_committer() {
  std::vector<AppendUnit> taken;  // Keeps its capacity from round to round.
  std::unique_lock lock(commit_mutex_);
  while (commit_state_ != State::abandoned) {
    if (std::exchange(recovery_finished_, false)) {
      finish_recovery(lock);
    } else if (!units_.empty()) {
      taken.swap(units_);
      lock.unlock();
      commit_units(taken);
      taken.clear();
      lock.lock();
    } else if (commit_state_ == State::draining) {
      return;
    } else {
      commit_waiting_.wait(lock);
    }
  }
}

void ThreadedStore::finish_recovery(std::unique_lock<std::mutex>& lock) {
  const std::vector<QueueId> orphans = std::exchange(orphans_, {});
  lock.unlock();
  backend_->recovery_finished(orphans);
  lock.lock();
}

void ThreadedStore::commit_units(std::span<AppendUnit> units) {
  while (!units.empty()) {
    std::size_t count = 1;
    std::size_t bytes = size_of(units.front());
    while (count < units.size() && bytes + size_of(units[count]) <= commit_bytes_max) {
      bytes += size_of(units[count]);
      count += 1;
    }
    const std::span<AppendUnit> together = units.first(count);
    const Outcome outcome = backend_->commit(together);
    for (AppendUnit& unit : together) {
      if (unit.done) {
        unit.done(outcome);
      }
    }
    units = units.subspan(count);
  }
}

void ThreadedStore::read(ReadRequest request, RowVisitor visit,
                         std::function<void(ReadOutcome)> done) {
  {
    std::lock_guard lock(read_mutex_);
    LEPUS_ASSERT(read_state_ == State::running, "nothing is read from a closed store");
    reads_.push_back({request, std::move(visit), std::move(done)});
  }
  read_waiting_.notify_one();
}

void ThreadedStore::run_reader() {
  std::unique_lock lock(read_mutex_);
  while (read_state_ != State::abandoned) {
    if (!reads_.empty()) {
      ReadJob job = std::move(reads_.front());
      reads_.pop_front();
      lock.unlock();
      job.done(backend_->read(job.request, job.visit));
      job = {};  // What the callbacks hold is released without the lock.
      lock.lock();
    } else if (read_state_ == State::draining) {
      return;
    } else {
      read_waiting_.wait(lock);
    }
  }
}

void ThreadedStore::backup(std::filesystem::path to,
                           std::function<void(const Result<void>&)> done) {
  if (backup_thread_.joinable()) {
    backup_thread_.join();  // The one before; its caller knows that it is done.
  }
  backup_thread_ = std::thread(
      [this, to = std::move(to), done = std::move(done)] { done(backend_->backup(to)); });
}

void ThreadedStore::close() {
  stop(State::draining);
  backend_->close();
}

void ThreadedStore::stop(State state) {
  if (backup_thread_.joinable()) {
    backup_thread_.join();
  }
  if (threads_.empty()) {
    return;
  }
  {
    std::scoped_lock lock(commit_mutex_, read_mutex_);
    commit_state_ = state;
    read_state_ = state;
  }
  commit_waiting_.notify_all();
  read_waiting_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

}  // namespace lepus::storage
