#pragma once

#include <chrono>
#include <cstdint>

#include "broker/base/clock.h"

namespace lepus::transport {

/// The system's time, asked anew each time; any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override {
    return milliseconds(std::chrono::steady_clock::now().time_since_epoch());
  }

  [[nodiscard]] std::int64_t wall_ms() const override {
    return milliseconds(std::chrono::system_clock::now().time_since_epoch());
  }

 private:
  template <typename Duration>
  static std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  }
};

/// The time at which the current turn of one shard began: asked several times per message, so it
/// must cost nothing. For one thread.
class TurnClock final : public Clock {
 public:
  TurnClock() { refresh(); }

  /// A new turn begins.
  void refresh() {
    steady_ms_ = system_.steady_ms();
    wall_ms_ = system_.wall_ms();
  }

  [[nodiscard]] std::int64_t steady_ms() const override { return steady_ms_; }

  [[nodiscard]] std::int64_t wall_ms() const override { return wall_ms_; }

 private:
  SystemClock system_;
  std::int64_t steady_ms_ = 0;
  std::int64_t wall_ms_ = 0;
};

}  // namespace lepus::transport
