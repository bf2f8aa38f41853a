#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/model/ids.h"

namespace lepus::connection {

/// The limit of basic.qos global=true: one number of unacked deliveries for all consumers of a
/// channel. Their queues deliver against tokens: a queue asks when it has a message, gets some, and
/// gives back what it has no use for. A token is either available here, with a queue, or spent on a
/// delivery that isn't settled.
class ChannelPrefetch {
 public:
  /// 0: no limit. What queues hold counts as given back: they are told that the limit has changed.
  void set_limit(std::uint16_t limit);

  [[nodiscard]] std::uint16_t limit() const { return limit_; }

  [[nodiscard]] bool is_limited() const { return limit_ != 0; }

  /// A consumer that acknowledges got a message (whether or not there is a limit).
  void delivered(model::ConsumerId consumer);

  /// So many deliveries of consumers were settled.
  void settled(std::size_t count) { unacked_ -= count; }

  void requested(model::ConsumerId consumer);
  void returned(model::ConsumerId consumer, std::uint32_t count);
  /// The consumer ended: its tokens are free.
  void ended(model::ConsumerId consumer);

  /// Calls `grant(consumer, count)` for each consumer that waits, in the order in which they asked,
  /// as far as tokens are available: evenly, so that one full queue doesn't take all.
  template <typename Grant>
  void distribute(Grant&& grant) {
    while (is_limited() && !waiting_.empty() && available() != 0) {
      const model::ConsumerId consumer = waiting_.front();
      const auto share =
          static_cast<std::uint32_t>((available() + waiting_.size() - 1) / waiting_.size());
      waiting_.erase(waiting_.begin());
      held_[consumer] += share;
      held_count_ += share;
      grant(consumer, share);
    }
  }

 private:
  [[nodiscard]] std::size_t available() const {
    const std::size_t used = unacked_ + held_count_;
    return used < limit_ ? limit_ - used : 0;
  }

  std::uint16_t limit_ = 0;
  std::size_t unacked_ = 0;     ///< of consumers
  std::size_t held_count_ = 0;  ///< tokens that queues hold
  boost::unordered_flat_map<model::ConsumerId, std::uint32_t> held_;
  std::vector<model::ConsumerId> waiting_;
};

}  // namespace lepus::connection
