#pragma once

#include <filesystem>
#include <functional>

#include "broker/base/result.h"
#include "storage/statistics.h"

namespace lepus::storage {

/// What operators want of a running store, beside what the broker needs (Store). Any thread, but
/// not after Store::close().
class StoreOperations {
 public:
  virtual ~StoreOperations() = default;

  /// What it has done since it was opened and what it holds now: a moment's work.
  [[nodiscard]] virtual StoreStatistics statistics() const = 0;

  /// Makes a data directory, at an absolute path that is not there yet, of everything that is
  /// committed by now (and perhaps a little more), on a thread of its own while commits and reads
  /// go on. One at a time; Store::close() waits for it. `done` gets one line if it fails.
  virtual void backup(std::filesystem::path to, std::function<void(const Result<void>&)> done) = 0;
};

}  // namespace lepus::storage
