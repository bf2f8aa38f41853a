#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/connection/unacked.h"
#include "broker/model/operations.h"

namespace lepus::connection {

/// What channels that end have of queues. A queue is left by all channels of a connection in one
/// step: what comes back from one must not be delivered to another that is about to go as well,
/// which would only count towards the delivery limit.
class Departure {
 public:
  struct Leaving {
    model::ShardIndex owner = 0;
    model::LeaveQueue queue;
  };

  /// What the consumer has of its queue, or what basic.get has. Valid until the next call.
  model::LeaveQueue::Holder& holder(const DeliverySource& source);

  /// One for each queue.
  [[nodiscard]] std::vector<Leaving> take() { return std::exchange(leaving_, {}); }

 private:
  struct Place {
    std::size_t queue = 0;
    std::size_t holder = 0;
  };

  std::vector<Leaving> leaving_;
  boost::unordered_flat_map<model::QueueId, std::size_t> queue_of_;
  boost::unordered_flat_map<std::pair<model::QueueId, model::ConsumerId>, Place> place_of_;
};

}  // namespace lepus::connection
