#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>

#include "storage/health.h"
#include "storage/log_sink.h"

namespace lepus::storage {

/// What is wrong with a RocksDB store, told to the log in one line when it comes and in one when it
/// is over, and to whoever asks.
///
/// Concurrency: all calls from any thread.
class RocksdbHealth {
 public:
  enum class Problem {
    not_storing,       ///< the durable instance has failed and is not open again yet
    transient_failed,  ///< transient messages can't leave memory
    no_room,           ///< the reserve can't be made
    damaged,           ///< a file can't be read; until the restart
  };

  /// @param changed  called after each change, with no lock held; may be empty
  RocksdbHealth(LogSink log, std::function<void()> changed)
      : log_(std::move(log)), changed_(std::move(changed)) {}

  /// The first text of a problem stands until it is over.
  void set(Problem problem, const std::string& text);

  /// Nothing if there was no such problem.
  void clear(Problem problem, const std::string& text);

  [[nodiscard]] bool has(Problem problem) const;
  [[nodiscard]] StoreHealth get() const;

 private:
  static constexpr std::size_t problem_count = 4;

  void tell(LogLevel level, const std::string& text) const;

  const LogSink log_;
  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  // Protected by mutex_:
  std::array<std::string, problem_count> problems_;  ///< empty where there is none
};

}  // namespace lepus::storage
