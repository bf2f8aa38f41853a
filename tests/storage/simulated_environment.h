#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <rocksdb/env.h>

#include "tests/storage/simulated_file_system.h"

namespace lepus::storage {

/// What RocksDB needs of an operating system, with files on a simulated disk and background work
/// done one job after the other. While a test holds the jobs back, its own thread is the only one
/// that uses the disk: so the order of what is done depends on the seed alone.
///
/// Must outlive everything that uses it.
class SimulatedEnvironment final : public rocksdb::EnvWrapper {
 public:
  explicit SimulatedEnvironment(std::uint64_t seed);
  ~SimulatedEnvironment() override;

  [[nodiscard]] SimulatedFileSystem& disk() { return *disk_; }

  /// Flushes and compactions that are scheduled from now on wait; one that runs is awaited. A fault
  /// or a power cut lets them go on, since what is closed then awaits them.
  void hold_jobs();
  /// All that wait are done, and those that they schedule, before this returns. Those that fail and
  /// try again for ever are not awaited.
  void run_jobs();

  [[nodiscard]] const char* Name() const override { return "SimulatedEnvironment"; }

  void Schedule(void (*run)(void*), void* argument, Priority priority, void* tag,
                void (*unschedule)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;

  /// Not at all: after a fault RocksDB's jobs would sleep for a second before they try again.
  void SleepForMicroseconds(int microseconds) override;

  /// It has a thread of its own.
  void IncBackgroundThreadsIfNeeded(int /*count*/, Priority /*priority*/) override {}

  [[nodiscard]] unsigned int GetThreadPoolQueueLen(Priority priority) const override;

 private:
  struct Job {
    void (*run)(void*) = nullptr;
    void* argument = nullptr;
    void* tag = nullptr;
    void (*unschedule)(void*) = nullptr;
  };

  static constexpr std::size_t priority_count = static_cast<std::size_t>(Priority::TOTAL);

  explicit SimulatedEnvironment(const std::shared_ptr<SimulatedFileSystem>& disk);
  void run_thread();
  void wait(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool take(Job& job);

  const std::shared_ptr<SimulatedFileSystem> disk_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by mutex_:
  std::array<std::deque<Job>, priority_count> jobs_;
  bool is_running_ = false;
  bool is_held_ = false;
  bool has_trouble_ = false;
  std::uint64_t sleeps_ = 0;
  bool is_stopping_ = false;
  std::thread thread_;
};

/// While it lives, background work waits; then it is done.
class HeldJobs {
 public:
  explicit HeldJobs(SimulatedEnvironment& environment) : environment_(environment) {
    environment_.hold_jobs();
  }

  ~HeldJobs() { environment_.run_jobs(); }

  HeldJobs(const HeldJobs&) = delete;
  HeldJobs& operator=(const HeldJobs&) = delete;

 private:
  SimulatedEnvironment& environment_;
};

}  // namespace lepus::storage
