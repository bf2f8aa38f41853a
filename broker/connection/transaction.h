#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/connection/direct_reply_to.h"
#include "broker/connection/unacked.h"
#include "broker/model/message.h"
#include "broker/model/operations.h"
#include "broker/model/queue_record.h"

namespace lepus::connection {

/// What few publishes have.
struct PublishExtras {
  /// What delay queues get instead of the message, if not null.
  model::MessagePtr delayed;
  /// Who wait for the message on amq.rabbitmq.reply-to.
  std::vector<ReplyAddress> requesters;
};

/// A publish that waits for tx.commit; checked and routed when it came. Its time to live begins at
/// the commit.
struct HeldPublish {
  boost::intrusive_ptr<model::Message> message;
  std::vector<std::shared_ptr<model::QueueRecord>> queues;
  PublishExtras extras;
  bool mandatory = false;
};

/// An ack, nack or reject that waits for tx.commit.
struct HeldSettlement {
  model::Settlement settlement = model::Settlement::ack;
  std::vector<UnackedDelivery> deliveries;
};

/// What a transactional channel did since the last commit or rollback. The commit makes one group
/// of it, which the store writes together or not at all.
struct Transaction {
  /// Bodies and their overhead; a transaction that grows beyond this is refused.
  static constexpr std::size_t bytes_max = std::size_t{256} * 1024 * 1024;
  static constexpr std::size_t settlement_cost_bytes = 64;

  std::vector<HeldPublish> publishes;
  std::vector<HeldSettlement> settlements;
  std::size_t bytes = 0;

  [[nodiscard]] std::size_t held_acks() const {
    std::size_t count = 0;
    for (const HeldSettlement& held : settlements) {
      count += held.deliveries.size();
    }
    return count;
  }
};

}  // namespace lepus::connection
