#include "storage/threaded_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::storage {

namespace {

constexpr std::size_t reader_count = 2;

/// One write takes no more than this (or one unit), so that joining batches needs bounded memory
/// and the first confirms of a long backlog do not wait for its end.
constexpr std::size_t commit_bytes_max = std::size_t{16} << 20;

/// How long it waits from one attempt to put right a fault to the next.
constexpr std::chrono::milliseconds resume_delay_min{50};
constexpr std::chrono::milliseconds resume_delay_max{5000};

std::size_t size_of(const AppendUnit& unit) {
  std::size_t size = 0;
  for (const NumberedBatch& numbered : unit.batches) {
    size += numbered.batch->size_bytes();
  }
  return size;
}

bool is_of_topology(const AppendUnit& unit) {
  return std::ranges::any_of(
      unit.batches, [](const NumberedBatch& numbered) { return numbered.log == topology_log; });
}

/// What has nothing to write can't get lost.
bool needs_certainty(const AppendUnit& unit) {
  return unit.batches.empty() || std::ranges::any_of(unit.batches, &NumberedBatch::needs_certainty);
}

void answer(AppendUnit& unit, Outcome outcome) {
  if (auto done = std::exchange(unit.done, nullptr)) {
    done(outcome);
  }
}

}  // namespace

ThreadedStore::ThreadedStore(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {
  backend_->set_waker([this] {
    // With the lock, or it could come just before the committer waits.
    std::lock_guard lock(commit_mutex_);
    commit_waiting_.notify_one();
  });
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
  std::unique_lock lock(commit_mutex_);
  while (commit_state_ != State::abandoned) {
    if (resume_is_due()) {
      resumed_at_end_ = commit_state_ == State::draining;
      lock.unlock();
      resume();
      lock.lock();
    } else if (!backend_->can_commit()) {
      if (commit_state_ == State::draining) {
        give_up(lock);
        return;
      }
      wait_for_work(lock);
    } else if (std::exchange(recovery_finished_, false)) {
      finish_recovery(lock);
    } else if (!units_.empty() || !waiting_.empty()) {
      take_units();
      lock.unlock();
      commit_first_units();
      lock.lock();
    } else if (commit_state_ == State::draining) {
      return;
    } else {
      wait_for_work(lock);
    }
  }
}

bool ThreadedStore::resume_is_due() const {
  if (!backend_->needs_resume()) {
    return false;
  }
  // The end does not wait for its turn, but tries only once.
  return Clock::now() >= resume_at_ || (commit_state_ == State::draining && !resumed_at_end_);
}

void ThreadedStore::resume() {
  backend_->resume();
  resume_delay_ =
      std::clamp<Clock::duration>(2 * resume_delay_, resume_delay_min, resume_delay_max);
  resume_at_ = Clock::now() + resume_delay_;
}

void ThreadedStore::wait_for_work(std::unique_lock<std::mutex>& lock) {
  if (backend_->needs_resume()) {
    commit_waiting_.wait_until(lock, resume_at_);
  } else {
    commit_waiting_.wait(lock);
  }
}

void ThreadedStore::finish_recovery(std::unique_lock<std::mutex>& lock) {
  const std::vector<QueueId> orphans = std::exchange(orphans_, {});
  lock.unlock();
  backend_->recovery_finished(orphans);
  has_recovered_ = true;
  lock.lock();
}

void ThreadedStore::take_units() {
  if (waiting_.empty()) {
    waiting_.swap(units_);
    return;
  }
  std::ranges::move(units_, std::back_inserter(waiting_));
  units_.clear();
}

std::span<AppendUnit> ThreadedStore::first_units() {
  const std::span<AppendUnit> units = waiting_;
  std::size_t count = 1;
  std::size_t bytes = size_of(units.front());
  // Those of a failed write are written again as they were: together, whatever they have become by
  // then, and before all others.
  while (count < units.size() && units[count].is_again == units.front().is_again &&
         (units.front().is_again || bytes + size_of(units[count]) <= commit_bytes_max)) {
    bytes += size_of(units[count]);
    count += 1;
  }
  return units.first(count);
}

void ThreadedStore::commit_first_units() {
  const std::span<AppendUnit> together = first_units();
  if (backend_->commit(together) == Outcome::unknown) {
    answer_unknown(together);
    return;
  }
  for (AppendUnit& unit : together) {
    answer(unit, unit.outcome);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(together.size()));
  if (!backend_->needs_resume()) {
    resume_delay_ = {};
  }
}

void ThreadedStore::answer_unknown(std::span<AppendUnit> units) {
  // Whoever declared something or committed a transaction is told of it once it is certain; a
  // message that may be lost is refused at once, so that it is published again. The answers of one
  // log keep their order.
  bool others_wait = false;
  for (AppendUnit& unit : units) {
    unit.is_again = true;
    others_wait = others_wait || needs_certainty(unit);
    if (!has_recovered_ || (!is_of_topology(unit) && !others_wait)) {
      answer(unit, Outcome::unknown);
    }
  }
}

void ThreadedStore::give_up(std::unique_lock<std::mutex>& lock) {
  take_units();
  lock.unlock();
  for (AppendUnit& unit : waiting_) {
    answer(unit, Outcome::unknown);
  }
  waiting_.clear();
  lock.lock();
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

void ThreadedStore::close(bool everything_committed) {
  stop(State::draining);
  backend_->close(everything_committed);
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
  backend_->set_waker(nullptr);
}

}  // namespace lepus::storage
