#include "broker/transport/mailboxes.h"

#include <bit>
#include <iterator>

#include "broker/base/assert.h"

namespace lepus::transport {

MailExchange::MailExchange(std::uint32_t shard_count)
    : shard_count_(shard_count),
      boxes_(std::size_t{shard_count} * shard_count),
      receiving_(shard_count) {
  LEPUS_ASSERT(shard_count >= 1 && shard_count <= shards_max, "senders are bits of a 64-bit word");
}

void MailExchange::set_wake_up(model::ShardIndex to, std::function<void()> wake_up) {
  receiving_[to].wake_up = std::move(wake_up);
}

void MailExchange::hand_over(model::ShardIndex from, model::ShardIndex to,
                             std::vector<model::Operation>& operations) {
  Box& box = boxes_[std::size_t{from} * shard_count_ + to];
  {
    const std::lock_guard lock(box.mutex);
    if (box.operations.empty()) {
      box.operations.swap(operations);
    } else {
      std::move(operations.begin(), operations.end(), std::back_inserter(box.operations));
    }
  }
  operations.clear();
  Receiving& receiving = receiving_[to];
  if (receiving.senders.fetch_or(std::uint64_t{1} << from) == 0) {
    receiving.wake_up();
  }
}

void MailExchange::take(model::ShardIndex from, model::ShardIndex to) {
  // The emptied vector goes into the box and from there to the sender, so that memory goes round
  // instead of being allocated for every turn.
  Box& box = boxes_[std::size_t{from} * shard_count_ + to];
  const std::lock_guard lock(box.mutex);
  box.operations.swap(receiving_[to].taken);
}

ShardMailboxes::ShardMailboxes(MailExchange& exchange, model::ShardIndex from,
                               std::uint32_t shard_count)
    : exchange_(exchange), from_(from), outgoing_(shard_count) {}

void ShardMailboxes::send(model::ShardIndex to, model::Operation operation) {
  LEPUS_ASSERT(to != from_, "what stays on the shard is a plain call");
  receivers_ |= std::uint64_t{1} << to;
  outgoing_[to].push_back(std::move(operation));
}

void ShardMailboxes::carry() {
  while (receivers_ != 0) {
    const auto to = static_cast<model::ShardIndex>(std::countr_zero(receivers_));
    receivers_ &= receivers_ - 1;
    exchange_.hand_over(from_, to, outgoing_[to]);
  }
}

}  // namespace lepus::transport
