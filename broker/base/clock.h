#pragma once

#include <cstdint>

namespace lepus {

/// Time as the core sees it; the transport hands in the system's, tests and the simulator their
/// own.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Never goes back; for durations and deadlines. Milliseconds since an arbitrary start.
  [[nodiscard]] virtual std::int64_t steady_ms() const = 0;

  /// Wall-clock time, milliseconds since 1970-01-01 UTC; may jump. For what users see and for what
  /// must survive a restart.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
};

}  // namespace lepus
