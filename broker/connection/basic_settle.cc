#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"

// basic.ack, nack, reject and recover: what becomes of deliveries.

namespace lepus::connection {

void Channel::handle_ack(const amqp::BasicAck& method) {
  settle(method.delivery_tag.value, method.multiple, model::Settlement::ack);
}

void Channel::handle_nack(const amqp::BasicNack& method) {
  settle(method.delivery_tag.value, method.multiple,
         method.requeue ? model::Settlement::requeue : model::Settlement::reject);
}

void Channel::handle_reject(const amqp::BasicReject& method) {
  settle(method.delivery_tag.value, false,
         method.requeue ? model::Settlement::requeue : model::Settlement::reject);
}

void Channel::settle(std::uint64_t tag, bool multiple, model::Settlement settlement) {
  std::vector<UnackedDelivery> deliveries;
  bool is_known = true;
  if (!multiple) [[likely]] {
    UnackedDelivery delivery;
    is_known = unacked_.take(tag, delivery);
    if (is_known && mode_ != Mode::transaction) [[likely]] {
      counters_.ack += settlement == model::Settlement::ack ? 1 : 0;
      settle_one(delivery, settlement);
      return;
    }
    deliveries.push_back(delivery);
  } else if (tag == 0) {
    unacked_.take_all(deliveries);
  } else {
    is_known = unacked_.take_up_to(tag, deliveries);
  }
  if (!is_known) {
    fail(amqp::ReplyCode::precondition_failed, "unknown delivery tag " + std::to_string(tag));
    return;
  }
  counters_.ack += settlement == model::Settlement::ack ? deliveries.size() : 0;
  if (mode_ == Mode::transaction) {
    const std::size_t cost_bytes = deliveries.size() * Transaction::settlement_cost_bytes;
    transaction_->settlements.push_back({settlement, std::move(deliveries)});
    static_cast<void>(charge_transaction(cost_bytes));
    return;
  }
  settle_all(deliveries, settlement);
}

void Channel::handle_recover(const amqp::BasicRecover& method) {
  recover(method.requeue, true);
}

void Channel::handle_recover_async(const amqp::BasicRecoverAsync& method) {
  recover(method.requeue, false);
}

void Channel::recover(bool requeue, bool with_answer) {
  if (!requeue) {
    fail(amqp::ReplyCode::not_implemented, "requeue=false");
    return;
  }
  if (with_answer) {
    // First: what comes after it has been delivered anew, even if the queue does that at once.
    send(amqp::BasicRecoverOk{});
  }
  std::vector<UnackedDelivery> deliveries;
  unacked_.take_all(deliveries);
  settle_all(deliveries, model::Settlement::requeue);
}

// The queue may deliver the next message before these calls return, so the channel's own lists are
// changed first.

void Channel::settle_one(const UnackedDelivery& delivery, model::Settlement settlement) {
  const model::ShardIndex owner = delivery.source->queue->owner;
  const model::QueueId queue = delivery.source->queue->id;
  const model::ConsumerId consumer = delivery.source->consumer;
  drop_outstanding(delivery.source, 1);
  host().shard().settle_one(owner, queue, consumer, settlement, delivery.place());
  grant_tokens();
}

void Channel::settle_all(const std::vector<UnackedDelivery>& deliveries,
                         model::Settlement settlement) {
  for (auto& [owner, settle] : settlements_by_source(deliveries, settlement)) {
    host().shard().settle(owner, std::move(settle));
  }
  grant_tokens();
}

std::vector<std::pair<model::ShardIndex, model::Settle>> Channel::settlements_by_source(
    const std::vector<UnackedDelivery>& deliveries, model::Settlement settlement) {
  std::vector<std::pair<model::ShardIndex, model::Settle>> settlements;
  std::vector<DeliverySource*> sources;
  boost::unordered_flat_map<DeliverySource*, std::size_t> index_of;
  std::size_t index = 0;
  for (const UnackedDelivery& delivery : deliveries) {
    if (sources.empty() || sources[index] != delivery.source) {
      const auto [found, is_new] = index_of.emplace(delivery.source, sources.size());
      index = found->second;
      if (is_new) {
        const model::QueueRecord& queue = *delivery.source->queue;
        sources.push_back(delivery.source);
        settlements.push_back({queue.owner, {queue.id, delivery.source->consumer, settlement, {}}});
      }
    }
    settlements[index].second.places.push_back(delivery.place());
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    drop_outstanding(sources[i], settlements[i].second.places.size());
  }
  return settlements;
}

void Channel::leave_queues(Departure& departure) {
  std::vector<UnackedDelivery> deliveries;
  if (transaction_) {
    for (const HeldSettlement& held : transaction_->settlements) {
      deliveries.insert(deliveries.end(), held.deliveries.begin(), held.deliveries.end());
    }
    transaction_.reset();
  }
  unacked_.take_all(deliveries);
  for (const auto& [id, consumer] : consumers_) {
    departure.holder(*consumer->source).is_running = true;
  }
  for (const UnackedDelivery& delivery : deliveries) {
    departure.holder(*delivery.source).places.push_back(delivery.place());
  }
  for (const model::Settle& settle : std::exchange(committing_, {})) {
    // What is requeued goes back in any case, now or by the group; and if the group was quicker,
    // the consumer may have it again.
    if (settle.settlement == model::Settlement::requeue) {
      continue;
    }
    // Unless the consumer runs, nothing of it is looked for.
    if (const auto found = consumers_.find(settle.consumer); found != consumers_.end()) {
      auto& in_groups = departure.holder(*found->second->source).in_groups;
      in_groups.insert(in_groups.end(), settle.places.begin(), settle.places.end());
    }
  }
  while (!consumers_.empty()) {
    remove_consumer(consumers_.begin()->first);
  }
  for (const UnackedDelivery& delivery : deliveries) {
    drop_outstanding(delivery.source, 1);
  }
}

void Channel::drop_outstanding(DeliverySource* source, std::size_t count) {
  source->outstanding -= count;
  if (source->consumer != model::ConsumerId::none) {
    prefetch_.settled(count);
  } else if (source->outstanding == 0) {
    get_sources_.erase(source->queue->id);
    source->ended = true;
  }
  if (source->ended && source->outstanding == 0) {
    delete source;
  }
}

void Channel::end_source(DeliverySource* source) {
  source->ended = true;
  if (source->outstanding == 0) {
    delete source;
  }
}

}  // namespace lepus::connection
