#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

constexpr std::size_t name_max_bytes = 255;

/// Erases the records of what lives in the vhost; its queues' messages are their owners'.
void erase_contents(const Vhost& vhost, storage::Batch& batch) {
  for (const auto& [name, exchange] : vhost.exchanges()) {
    for (const Binding& binding : exchange->bindings_from) {
      if (binding.durable) {
        batch.erase_topology(binding.identity);
      }
    }
    if (exchange->is_durable()) {
      batch.erase_topology(exchange_key(vhost.name(), name));
    }
  }
  for (const auto& [name, queue] : vhost.queues()) {
    if (queue.record->durable) {
      batch.erase_topology(queue_key(vhost.name(), name));
    }
  }
  for (const PolicyKind kind : {PolicyKind::ordinary, PolicyKind::by_operator}) {
    for (const auto& policy : vhost.policies(kind).all()) {
      batch.erase_topology(policy_key(kind, vhost.name(), policy->name()));
    }
  }
}

}  // namespace

std::vector<VhostDescription> Topology::list_vhosts() const {
  const std::shared_lock lock{state_->mutex};
  std::vector<VhostDescription> vhosts;
  vhosts.reserve(state_->vhosts.size());
  for (const auto& [name, vhost] : state_->vhosts) {
    vhosts.push_back(vhost->description);
  }
  return vhosts;
}

std::optional<VhostDescription> Topology::find_vhost(std::string_view name) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* vhost = state_->find_vhost(name);
  return vhost == nullptr ? std::nullopt : std::optional{vhost->description};
}

std::shared_ptr<const std::atomic<bool>> Topology::tracing_of(std::string_view vhost) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* found = state_->find_vhost(vhost);
  return found == nullptr ? std::make_shared<std::atomic<bool>>(false) : found->tracing;
}

Result<TopologyTicket> Topology::put_vhost(VhostDescription vhost) {
  if (vhost.name.empty() || vhost.name.size() > name_max_bytes) {
    return fail("bad_request: names have 1 to 255 octets");
  }
  const std::unique_lock lock{state_->mutex};
  const auto& vhost_max = state_->options.vhost_max;
  if (vhost_max && state_->vhosts.size() >= *vhost_max && !state_->find_vhost(vhost.name)) {
    return fail(fmt::format("cannot create vhost '{}': vhost limit of {} is reached", vhost.name,
                            *vhost_max));
  }
  const TopologyTicket ticket = state_->write_record(vhost_key(vhost.name), encode(vhost));
  const bool tracing = vhost.tracing;
  Vhost* put = state_->find_vhost(vhost.name);
  if (put != nullptr) {
    put->description = std::move(vhost);
  } else {
    put = &state_->add_vhost(std::move(vhost));
  }
  put->tracing->store(tracing, std::memory_order_relaxed);
  return ticket;
}

Result<DeletedVhost> Topology::delete_vhost(std::string_view name) {
  const std::unique_lock lock{state_->mutex};
  Vhost* vhost = state_->find_vhost(name);
  if (vhost == nullptr) {
    return fail("vhost_not_found");
  }
  auto batch = state_->log.new_batch();
  batch->erase_topology(vhost_key(name));
  erase_contents(*vhost, *batch);
  for (const UserPermissions& entry : state_->users.list_permissions()) {
    if (entry.vhost == name) {
      batch->erase_topology(permissions_key(entry.user, name));
      state_->users.erase_permissions(entry.user, name);
    }
  }
  for (const TopicPermissions& entry : state_->users.list_topic_permissions()) {
    if (entry.vhost == name) {
      batch->erase_topology(topic_permissions_key(entry.user, name, entry.exchange));
      state_->users.erase_topic_permissions(entry.user, name, entry.exchange);
    }
  }
  std::erase_if(state_->parameters, [&](const auto& entry) {
    if (entry.second.vhost != name) {
      return false;
    }
    batch->erase_topology(parameter_key(entry.second.component, name, entry.second.name));
    return true;
  });
  DeletedVhost deleted;
  for (const auto& [queue_name, queue] : vhost->queues()) {
    queue.record->deleted.store(true, std::memory_order_release);
    deleted.queues.push_back(queue.record);
  }
  for (const auto& [exchange_name, exchange] : vhost->exchanges()) {
    if (const auto* queue = exchange->delay_queue()) {
      (*queue)->deleted.store(true, std::memory_order_release);
      deleted.queues.push_back(*queue);
    }
  }
  vhost->raise_all_versions();
  state_->vhosts.erase(state_->vhosts.find(name));
  deleted.ticket = state_->log.append(std::move(batch));
  return deleted;
}

std::vector<RuntimeParameter> Topology::list_parameters(std::string_view component) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<RuntimeParameter> parameters;
  for (const auto& [place, parameter] : state_->parameters) {
    if (component.empty() || parameter.component == component) {
      parameters.push_back(parameter);
    }
  }
  return parameters;
}

TopologyTicket Topology::put_parameter(RuntimeParameter parameter) {
  const std::unique_lock lock{state_->mutex};
  const TopologyTicket ticket = state_->write_record(
      parameter_key(parameter.component, parameter.vhost, parameter.name), parameter.value);
  State::ParameterPlace place{parameter.component, parameter.vhost, parameter.name};
  state_->parameters.insert_or_assign(std::move(place), std::move(parameter));
  return ticket;
}

TopologyTicket Topology::delete_parameter(std::string_view component, std::string_view vhost,
                                          std::string_view name) {
  const std::unique_lock lock{state_->mutex};
  const State::ParameterPlace place{component, vhost, name};
  if (state_->parameters.erase(place) == 0) {
    return 0;
  }
  auto batch = state_->log.new_batch();
  batch->erase_topology(parameter_key(component, vhost, name));
  return state_->log.append(std::move(batch));
}

}  // namespace lepus::model
