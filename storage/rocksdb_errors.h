#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include <rocksdb/listener.h>

namespace lepus::storage {

/// What an instance of RocksDB could not do in the background: from then on it refuses writes.
///
/// Concurrency: RocksDB's threads note, the committer takes.
class RocksdbErrors final : public rocksdb::EventListener {
 public:
  struct Background {
    rocksdb::BackgroundErrorReason reason{};
    rocksdb::Status status;

    /// A compaction met what it can't read: it would meet it again.
    [[nodiscard]] bool is_damage() const {
      return reason == rocksdb::BackgroundErrorReason::kCompaction && !status.IsNoSpace();
    }
  };

  /// Called after an error was noted, on the thread that met it; null: nobody is.
  void set_waker(std::function<void()> waker) {
    std::lock_guard lock(mutex_);
    waker_ = std::move(waker);
  }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    std::lock_guard lock(mutex_);
    if (!error_) {
      error_ = Background{reason, *status};
      has_error_.store(true, std::memory_order_release);
    }
    if (waker_) {
      waker_();
    }
  }

  /// Takes no lock, so that it may be asked with the waker's locks held.
  [[nodiscard]] bool has_error() const { return has_error_.load(std::memory_order_acquire); }

  /// The first error since the last call.
  [[nodiscard]] std::optional<Background> take() {
    std::lock_guard lock(mutex_);
    has_error_.store(false, std::memory_order_release);
    return std::exchange(error_, std::nullopt);
  }

 private:
  std::atomic<bool> has_error_ = false;  ///< written with mutex_ held
  std::mutex mutex_;
  // Protected by mutex_:
  std::function<void()> waker_;
  std::optional<Background> error_;
};

}  // namespace lepus::storage
