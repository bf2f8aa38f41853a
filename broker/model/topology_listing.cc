#include "broker/model/topology.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

BindingDescription describe(const Binding& binding) {
  return {.source = binding.source->name(),
          .destination_type = binding.destination_type(),
          .destination = binding.queue != nullptr ? binding.queue->name : binding.exchange->name(),
          .routing_key = binding.routing_key,
          .arguments = binding.arguments};
}

/// The default exchange's binding of a queue, which exists by itself.
BindingDescription implied_binding(std::string_view queue) {
  return {.source = {},
          .destination_type = BindingDestination::queue,
          .destination = std::string{queue},
          .routing_key = std::string{queue},
          .arguments = {}};
}

template <typename List>
void append_all(const List& bindings, std::vector<BindingDescription>& all) {
  for (const Binding& binding : bindings) {
    all.push_back(describe(binding));
  }
}

void append_implied(const Vhost& vhost, std::vector<BindingDescription>& all) {
  for (const auto& [name, queue] : vhost.queues()) {
    all.push_back(implied_binding(name));
  }
}

}  // namespace

std::vector<std::shared_ptr<const Exchange>> Topology::list_exchanges(
    std::string_view vhost) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<std::shared_ptr<const Exchange>> all;
  for (const auto& [name, listed] : state_->vhosts) {
    if (vhost.empty() || name == vhost) {
      for (const auto& [exchange_name, exchange] : listed->exchanges()) {
        all.push_back(exchange);
      }
    }
  }
  return all;
}

std::vector<std::shared_ptr<QueueRecord>> Topology::list_queues(std::string_view vhost) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<std::shared_ptr<QueueRecord>> all;
  for (const auto& [name, listed] : state_->vhosts) {
    if (vhost.empty() || name == vhost) {
      for (const auto& [queue_name, queue] : listed->queues()) {
        all.push_back(queue.record);
      }
    }
  }
  return all;
}

std::size_t Topology::queue_count(std::string_view vhost) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* found = state_->find_vhost(vhost);
  return found == nullptr ? 0 : found->queues().size();
}

std::vector<BindingDescription> Topology::list_bindings(std::string_view vhost) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<BindingDescription> all;
  if (const Vhost* found = state_->find_vhost(vhost)) {
    append_implied(*found, all);
    for (const auto& [name, exchange] : found->exchanges()) {
      append_all(exchange->bindings_from, all);
    }
  }
  return all;
}

std::vector<BindingDescription> Topology::list_bindings_from(std::string_view vhost,
                                                             std::string_view exchange) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<BindingDescription> all;
  const Vhost* found = state_->find_vhost(vhost);
  if (found == nullptr) {
    return all;
  }
  if (exchange.empty()) {
    append_implied(*found, all);
  } else if (const auto source = found->find_exchange(exchange)) {
    append_all(source->bindings_from, all);
  }
  return all;
}

std::vector<BindingDescription> Topology::list_bindings_to(std::string_view vhost,
                                                           BindingDestination destination_type,
                                                           std::string_view destination) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<BindingDescription> all;
  const Vhost* found = state_->find_vhost(vhost);
  if (found == nullptr) {
    return all;
  }
  if (destination_type == BindingDestination::exchange) {
    if (const auto exchange = found->find_exchange(destination)) {
      append_all(exchange->bindings_to, all);
    }
  } else if (const BindingDestinationList* bindings = found->bindings_to_queue(destination)) {
    all.push_back(implied_binding(destination));
    append_all(*bindings, all);
  }
  return all;
}

}  // namespace lepus::model
