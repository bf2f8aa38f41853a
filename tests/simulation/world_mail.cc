#include <utility>

#include "tests/simulation/world.h"

// The mail between shards: what is sent lies in a box until the scheduler has it carried over.

namespace lepus::simulation {

void World::carry(model::ShardIndex from, model::ShardIndex to, std::size_t count) {
  Box& each = box(from, to);
  OneShard& receiver = *shards_[to];
  receiver.in_turn = true;
  trace("mail: {} of {} operations from shard {} to {}", count, each.operations.size(), from, to);
  auto& operations = each.operations;
  if (options_.mutation == Mutation::swaps_publishes && operations.size() > 1 &&
      std::holds_alternative<model::Publish>(operations[0]) &&
      std::holds_alternative<model::Publish>(operations[1])) {
    std::swap(operations[0], operations[1]);
  }
  for (; count > 0; --count) {
    model::Operation operation = std::move(operations.front());
    operations.pop_front();
    ++each.carried;
    carrying_answer_ = std::holds_alternative<model::Deliver>(operation) ||
                       std::holds_alternative<model::Got>(operation);
    if (const auto* leaving = std::get_if<model::LeaveQueue>(&operation);
        leaving != nullptr && options_.mutation == Mutation::cancels_first) {
      for (const auto& holder : leaving->holders) {
        receiver.shard->receive(
            model::CancelConsumer{.queue = leaving->queue, .consumer = holder.consumer});
      }
    }
    if (options_.mutation != Mutation::loses_settles ||
        !std::holds_alternative<model::Settle>(operation)) {
      receiver.shard->receive(std::move(operation));
    }
    carrying_answer_ = false;
  }
  while (!each.settlings.empty() && each.settlings.front().first <= each.carried) {
    checker.settling_arrived(each.settlings.front().second);
    each.settlings.pop_front();
  }
}

bool World::carry_mail() {
  const auto from = static_cast<model::ShardIndex>(random.below(options_.shards));
  const auto to = static_cast<model::ShardIndex>(random.below(options_.shards));
  const std::size_t waiting = box(from, to).operations.size();
  if (waiting == 0) {
    return false;
  }
  // The transport carries over all that lies there; between two shards' boxes anything may happen.
  carry(from, to, random.one_in(2) ? waiting : random.between(1, waiting));
  return true;
}

void World::settling_executed(std::size_t shard, const SentSettling& settling) {
  const auto record = topology_->find_queue("/", queues[settling.name.queue].name);
  if (record == nullptr) {
    return;
  }
  Box& each = box(static_cast<model::ShardIndex>(shard), record->owner);
  if (record->owner == shard || each.carried == each.sent) {
    checker.settling_arrived(settling);
  } else {
    each.settlings.emplace_back(each.sent, settling);
  }
}

}  // namespace lepus::simulation
