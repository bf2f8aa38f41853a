#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace lepus::storage {

/// Lets many read at once, and one replace what they read from while nobody does. Who wants to
/// replace goes before those that come later, so that a stream of readers can't keep it waiting.
class ReadGate {
 public:
  /// A reader inside, for as long as it lives. Waits while the gate is closed.
  class Pass {
   public:
    explicit Pass(ReadGate& gate) : gate_(gate) {
      std::unique_lock lock(gate_.mutex_);
      gate_.changed_.wait(lock, [this] { return !gate_.is_closed_; });
      gate_.inside_ += 1;
    }

    ~Pass() {
      std::lock_guard lock(gate_.mutex_);
      gate_.inside_ -= 1;
      if (gate_.inside_ == 0) {
        gate_.changed_.notify_all();
      }
    }

    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ReadGate& gate_;
  };

  /// Nobody is inside while it lives. One at a time.
  class Closed {
   public:
    explicit Closed(ReadGate& gate) : gate_(gate) {
      std::unique_lock lock(gate_.mutex_);
      gate_.is_closed_ = true;
      gate_.changed_.wait(lock, [this] { return gate_.inside_ == 0; });
    }

    ~Closed() {
      {
        std::lock_guard lock(gate_.mutex_);
        gate_.is_closed_ = false;
      }
      gate_.changed_.notify_all();
    }

    Closed(const Closed&) = delete;
    Closed& operator=(const Closed&) = delete;

   private:
    ReadGate& gate_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by mutex_:
  std::size_t inside_ = 0;
  bool is_closed_ = false;
};

}  // namespace lepus::storage
