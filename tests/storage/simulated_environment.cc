#include "tests/storage/simulated_environment.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace lepus::storage {

SimulatedEnvironment::SimulatedEnvironment(std::uint64_t seed)
    : SimulatedEnvironment(std::make_shared<SimulatedFileSystem>(seed)) {}

SimulatedEnvironment::SimulatedEnvironment(const std::shared_ptr<SimulatedFileSystem>& disk)
    : EnvWrapper(rocksdb::NewCompositeEnv(disk)), disk_(disk) {
  file_system_ = disk_;
  disk_->set_trouble_listener([this] {
    {
      std::lock_guard lock(mutex_);
      has_trouble_ = true;
    }
    changed_.notify_all();
  });
  thread_ = std::thread([this] { run_thread(); });
}

SimulatedEnvironment::~SimulatedEnvironment() {
  disk_->set_trouble_listener({});
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SimulatedEnvironment::hold_jobs() {
  const bool is_off = disk_->is_off();
  std::unique_lock lock(mutex_);
  is_held_ = true;
  has_trouble_ = is_off;
  changed_.wait(lock, [this] { return !is_running_; });
}

void SimulatedEnvironment::run_jobs() {
  std::unique_lock lock(mutex_);
  is_held_ = false;
  changed_.notify_all();
  constexpr std::uint64_t attempts_max = 10;
  const std::uint64_t sleeps_max = sleeps_ + attempts_max;
  changed_.wait(lock, [&] {
    return sleeps_ > sleeps_max ||
           (!is_running_ && std::ranges::all_of(jobs_, &std::deque<Job>::empty));
  });
}

void SimulatedEnvironment::SleepForMicroseconds(int /*microseconds*/) {
  {
    std::lock_guard lock(mutex_);
    sleeps_ += 1;
  }
  changed_.notify_all();
  std::this_thread::yield();
}

void SimulatedEnvironment::Schedule(void (*run)(void*), void* argument, Priority priority,
                                    void* tag, void (*unschedule)(void*)) {
  {
    std::lock_guard lock(mutex_);
    jobs_[static_cast<std::size_t>(priority)].push_back({run, argument, tag, unschedule});
  }
  changed_.notify_all();
}

int SimulatedEnvironment::UnSchedule(void* tag, Priority priority) {
  std::vector<Job> removed;
  {
    std::lock_guard lock(mutex_);
    std::deque<Job>& jobs = jobs_[static_cast<std::size_t>(priority)];
    std::erase_if(jobs, [&](const Job& job) {
      if (job.tag != tag) {
        return false;
      }
      removed.push_back(job);
      return true;
    });
  }
  for (const Job& job : removed) {
    if (job.unschedule != nullptr) {
      job.unschedule(job.argument);
    }
  }
  changed_.notify_all();
  return static_cast<int>(removed.size());
}

unsigned int SimulatedEnvironment::GetThreadPoolQueueLen(Priority priority) const {
  std::lock_guard lock(mutex_);
  return static_cast<unsigned int>(jobs_[static_cast<std::size_t>(priority)].size());
}

bool SimulatedEnvironment::take(Job& job) {
  for (const Priority priority :
       {Priority::USER, Priority::HIGH, Priority::LOW, Priority::BOTTOM}) {
    std::deque<Job>& jobs = jobs_[static_cast<std::size_t>(priority)];
    if (!jobs.empty()) {
      job = jobs.front();
      jobs.pop_front();
      return true;
    }
  }
  return false;
}

/// Whoever closes a database while its jobs are held would wait for ever.
void SimulatedEnvironment::wait(std::unique_lock<std::mutex>& lock) {
  constexpr std::chrono::seconds forever{10};
  const bool was_held = is_held_;
  if (changed_.wait_for(lock, forever) == std::cv_status::timeout && was_held) {
    is_held_ = false;
  }
}

void SimulatedEnvironment::run_thread() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    Job job;
    if ((is_held_ && !has_trouble_) || !take(job)) {
      wait(lock);
      continue;
    }
    is_running_ = true;
    lock.unlock();
    job.run(job.argument);
    lock.lock();
    is_running_ = false;
    changed_.notify_all();
  }
}

}  // namespace lepus::storage
