#pragma once

#include <cstdint>
#include <mutex>

#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/model/ids.h"

namespace lepus::model {

/// Who waits for direct replies (amq.rabbitmq.reply-to), over all shards: so that a publisher knows
/// at once whether a reply has somebody to go to. Any thread may call.
class ReplyConsumers {
 public:
  void add(const ChannelRef& channel, std::uint64_t key) {
    const std::lock_guard lock(mutex_);
    consumers_.insert({channel, key});
  }

  void remove(const ChannelRef& channel, std::uint64_t key) {
    const std::lock_guard lock(mutex_);
    consumers_.erase({channel, key});
  }

  [[nodiscard]] bool contains(const ChannelRef& channel, std::uint64_t key) const {
    const std::lock_guard lock(mutex_);
    return consumers_.contains({channel, key});
  }

 private:
  struct Consumer {
    ChannelRef channel;
    std::uint64_t key = 0;

    bool operator==(const Consumer&) const = default;
  };

  struct Hash {
    std::size_t operator()(const Consumer& consumer) const {
      return static_cast<std::size_t>(consumer.key);  // Random already.
    }
  };

  mutable std::mutex mutex_;
  boost::unordered_flat_set<Consumer, Hash> consumers_;
};

}  // namespace lepus::model
