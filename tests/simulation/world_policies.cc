#include "broker/model/queue.h"
#include "tests/simulation/world.h"

// Policies as the management API puts and deletes them, and what queues are by them.

namespace lepus::simulation {

void World::change_policies() {
  const Policies::Change change = policies_.choose(queues, random);
  model::TopologyTicket ticket = 0;
  if (change.policy) {
    trace("policy {} is put, priority {}", change.name.second, change.policy->priority);
    const auto put = topology_->put_policy(Policies::description(change, queues));
    if (!put) {
      checker.fail("a policy is refused: " + put.error().text);
      return;
    }
    ticket = *put;
  } else {
    ticket = topology_->delete_policy(change.name.first, "/", change.name.second);
    if (ticket == 0) {
      return;  // There was none.
    }
    trace("policy {} is deleted", change.name.second);
  }
  policies_.changed(change, ticket);
  follow_policies();
}

/// What queues may be from now on.
void World::follow_policies() {
  for (std::uint32_t number = 0; number < queues.size(); ++number) {
    checker.traits_change(number, policies_.effective(number, queues[number]));
  }
}

/// The shard has looked at its queues since.
void World::policies_committed(model::ShardIndex shard, model::TopologyTicket up_to) {
  policies_.committed(up_to);
  if (up_to < policies_.newest_ticket()) {
    return;
  }
  for (std::uint32_t number = 0; number < queues.size(); ++number) {
    const auto record = topology_->find_queue("/", queues[number].name);
    if (record != nullptr && record->owner == shard) {
      checker.traits_changed(number);
    }
  }
}

/// What a start has found of them.
void World::look_at_policies() {
  for (const Policies::Name& name : Policies::names()) {
    const auto found = topology_->find_policy(name.first, "/", name.second);
    if (!policies_.found(name, found ? std::optional(found->priority) : std::nullopt)) {
      checker.fail("after a restart policy " + name.second + " is not what it may be");
    }
  }
  follow_policies();
  for (std::uint32_t number = 0; number < queues.size(); ++number) {
    checker.traits_changed(number);
  }
}

/// At rest: what is in force is what arguments and policies say.
void World::check_settings(const model::Queue& queue) {
  const auto number = queue_number(queue.record().id);
  if (!number) {
    return;
  }
  const QueueTraits& traits = checker.history(*number).newest();
  const model::QueueSettings& settings = queue.settings();
  const bool is_same = settings.message_ttl_ms == traits.message_ttl_ms &&
                       settings.max_length == traits.max_length &&
                       settings.max_length_bytes == traits.max_length_bytes &&
                       settings.delivery_limit == traits.delivery_limit &&
                       settings.overflow == traits.overflow &&
                       settings.dead_letter_exchange.has_value() == traits.has_letters();
  if (!is_same) {
    checker.fail(queue.record().described() + " does not follow the policies");
  }
}

}  // namespace lepus::simulation
