#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/model/ids.h"
#include "broker/model/queue_record.h"

namespace lepus::connection {

/// Stands for a delivery that may wait for its ack for ever. A time may be added to it.
inline constexpr std::int64_t no_ack_timeout_ms = INT64_MAX / 4;

/// Where deliveries of a channel come from: a consumer, or basic.get on a queue. Lives as long as
/// its consumer or one of its deliveries that isn't settled.
struct DeliverySource {
  std::shared_ptr<model::QueueRecord> queue;
  model::ConsumerId consumer = model::ConsumerId::none;
  /// x-consumer-timeout of basic.consume, which counts before the queue's. no_ack_timeout_ms for 0.
  std::optional<std::int64_t> own_ack_timeout_ms;
  std::int64_t ack_timeout_ms = no_ack_timeout_ms;  ///< how long a delivery may stay unsettled
  std::size_t outstanding = 0;  ///< unsettled deliveries, also those a transaction holds
  bool ended = false;           ///< no more deliveries come
};

/// A delivery that waits for its ack.
struct UnackedDelivery {
  std::uint64_t tag = 0;
  DeliverySource* source = nullptr;  ///< null: settled, the entry is only not removed yet
  model::Position position = 0;
  std::int64_t delivered_at_ms : 56 = 0;  ///< steady clock
  model::Priority priority = 0;

  [[nodiscard]] model::MessagePlace place() const { return {priority, position}; }

  /// When the delivery times out.
  [[nodiscard]] std::int64_t due_ms() const { return delivered_at_ms + source->ack_timeout_ms; }
};

static_assert(sizeof(UnackedDelivery) == 32);

/// The unacked deliveries of a channel by delivery tag. Tags rise, so they are a row in their
/// order; the entry of a tag is usually just (tag − first tag) places from the start. Settled ones
/// leave holes, which are closed before they are many.
class Unacked {
 public:
  void add(std::uint64_t tag, DeliverySource& source, model::MessagePlace place,
           std::int64_t now_ms);

  /// Puts deliveries back that were taken (by a transaction that is rolled back).
  void put_back(const std::vector<UnackedDelivery>& deliveries);

  [[nodiscard]] bool contains(std::uint64_t tag) const { return find(tag) != npos; }

  /// Removes that delivery. @return whether it was there.
  bool take(std::uint64_t tag, UnackedDelivery& taken);

  /// Removes all deliveries up to the tag, which must be there, and appends them in their order.
  /// @return whether the tag was there; if not, nothing is removed.
  bool take_up_to(std::uint64_t tag, std::vector<UnackedDelivery>& taken);

  /// Removes all, in their order.
  void take_all(std::vector<UnackedDelivery>& taken);

  /// The delivery that times out first; null if there is none. Deliveries are in order of time, so
  /// few are looked at unless timeouts differ.
  /// @param shortest_timeout_ms  no source has a shorter one
  [[nodiscard]] const UnackedDelivery* first_due(std::int64_t shortest_timeout_ms) const;

  /// Calls it with the source of each delivery, often the same again.
  template <typename Function>
  void for_each_source(Function function) const {
    for (std::size_t index = first_; index < entries_.size(); ++index) {
      if (entries_[index].source != nullptr) {
        function(*entries_[index].source);
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return count_; }

  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  static constexpr std::size_t npos = SIZE_MAX;

  [[nodiscard]] std::size_t find(std::uint64_t tag) const;
  void drop_front_holes();
  void close_holes();

  std::vector<UnackedDelivery> entries_;  ///< from first_ on, the first of them no hole
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace lepus::connection
