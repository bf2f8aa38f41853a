#pragma once

#include <functional>

namespace lepus::management {

/// Runs tasks on the management thread.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Callable from any thread. A task that comes after the end is dropped.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace lepus::management
