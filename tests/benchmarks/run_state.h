#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace lepus::benchmarks {

/// What the coordinator tells the workers, and the first error of any of them.
class RunState {
 public:
  /// When publishing starts; 0 is not yet.
  std::atomic<std::int64_t> publish_start_ns{0};
  /// No message is sent that is due after this time.
  std::atomic<std::int64_t> publish_end_ns{INT64_MAX};
  /// Consumers may subscribe.
  std::atomic<bool> consume{false};
  /// Deliveries so far, counted only with a limit of messages in flight.
  std::atomic<std::uint64_t> delivered{0};
  /// Workers end.
  std::atomic<bool> stop{false};

  /// Remembers the first error; any thread.
  void fail(std::string text) {
    const std::scoped_lock lock{mutex_};
    if (error_.empty()) {
      error_ = std::move(text);
      failed_.store(true, std::memory_order_release);
    }
  }

  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }

  /// Empty if nothing failed.
  [[nodiscard]] std::string error() const {
    const std::scoped_lock lock{mutex_};
    return error_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::string error_;
};

/// A number that one thread writes and others read now and then.
class Counter {
 public:
  void add(std::uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What one worker has done so far. On cache lines of its own.
struct alignas(64) Counters {
  Counter published;
  Counter confirmed;
  /// Messages that the broker nacked, and that it returned.
  Counter nacked;
  Counter returned;
  Counter delivered;
  /// Consumers that the broker has answered.
  Counter subscribed;
  /// Publishers that have sent and got confirmed all they had to.
  Counter finished_publishers;
  /// Times at which the broker blocked a connection.
  Counter blocked;
  /// CLOCK_MONOTONIC; 0 is never.
  Counter last_publish_ns;
  Counter last_confirm_ns;
  Counter first_delivery_ns;
  Counter last_delivery_ns;
};

}  // namespace lepus::benchmarks
