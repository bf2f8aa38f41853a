#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "storage/types.h"

namespace lepus::storage {

/// Which pages of progress records the store has, so that they can be erased with their queue, one
/// by one. (A range deletion would need no list, but with one RocksDB 7.8 fails an assertion about
/// its memtables; the power cut test shows it.)
class StoredPages {
 public:
  /// @param page  the key of its record
  void note(const MessageKey& page, bool is_erased) {
    const std::pair place{page.priority, page.position};
    if (!is_erased) {
      queues_[value_of(page.queue)].insert(place);
    } else if (const auto queue = queues_.find(value_of(page.queue)); queue != queues_.end()) {
      queue->second.erase(place);
      if (queue->second.empty()) {
        queues_.erase(queue);
      }
    }
  }

  [[nodiscard]] std::vector<MessageKey> of(QueueId queue) const {
    std::vector<MessageKey> pages;
    if (const auto found = queues_.find(value_of(queue)); found != queues_.end()) {
      for (const auto& [priority, begin] : found->second) {
        pages.push_back({queue, priority, begin});
      }
    }
    return pages;
  }

  void forget(QueueId queue) { queues_.erase(value_of(queue)); }

 private:
  std::map<std::uint64_t, std::set<std::pair<Priority, Position>>> queues_;
};

}  // namespace lepus::storage
