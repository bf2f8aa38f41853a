#include "storage/rocksdb_health.h"

#include <utility>

namespace lepus::storage {

void RocksdbHealth::set(Problem problem, const std::string& text) {
  {
    std::lock_guard lock(mutex_);
    std::string& known = problems_[static_cast<std::size_t>(problem)];
    if (!known.empty()) {
      return;
    }
    known = text;
  }
  tell(LogLevel::error, text);
}

void RocksdbHealth::clear(Problem problem, const std::string& text) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(problems_[static_cast<std::size_t>(problem)], {}).empty()) {
      return;
    }
  }
  tell(LogLevel::warning, text);
}

bool RocksdbHealth::has(Problem problem) const {
  std::lock_guard lock(mutex_);
  return !problems_[static_cast<std::size_t>(problem)].empty();
}

StoreHealth RocksdbHealth::get() const {
  std::lock_guard lock(mutex_);
  StoreHealth health;
  for (const std::string& problem : problems_) {
    if (!problem.empty()) {
      health.is_good = false;
      health.problem += (health.problem.empty() ? "" : "; ") + problem;
    }
  }
  return health;
}

void RocksdbHealth::tell(LogLevel level, const std::string& text) const {
  if (log_) {
    log_(level, text);
  }
  if (changed_) {
    changed_();
  }
}

}  // namespace lepus::storage
