#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

/// A definition is kept in a record that has a limit of its own.
constexpr std::size_t definition_max_bytes = amqp::field_table_max_bytes / 2;

}  // namespace

const Vhost::QueueEntry* Topology::State::find_entry(const QueueRecord& queue) const {
  const Vhost* vhost = find_vhost(queue.vhost);
  if (vhost == nullptr) {
    return nullptr;
  }
  const auto found = vhost->queues().find(std::string_view{queue.name});
  return found == vhost->queues().end() || found->second.record.get() != &queue ? nullptr
                                                                                : &found->second;
}

Result<TopologyTicket> Topology::put_policy(PolicyDescription description) {
  if (description.definition.encoded_size() > definition_max_bytes) {
    return fail(fmt::format("definition is larger than {} octets", definition_max_bytes));
  }
  auto policy = Policy::create(std::move(description));
  if (!policy) {
    return fail("Validation failed\n\npattern should be regular expression but is invalid\n");
  }
  const PolicyDescription& put = (*policy)->description();
  const std::unique_lock lock{state_->mutex};
  Vhost* vhost = state_->find_vhost(put.vhost);
  if (vhost == nullptr) {
    return fail("vhost_not_found");
  }
  vhost->policies(put.kind).put(*policy);
  vhost->apply_policies();
  // Before the record is appended: owners look when they hear that it is committed.
  state_->policies_version.fetch_add(1, std::memory_order_release);
  return state_->write_record(policy_key(put.kind, put.vhost, put.name), encode(put));
}

TopologyTicket Topology::delete_policy(PolicyKind kind, std::string_view vhost_name,
                                       std::string_view name) {
  const std::unique_lock lock{state_->mutex};
  Vhost* vhost = state_->find_vhost(vhost_name);
  if (vhost == nullptr || !vhost->policies(kind).erase(name)) {
    return 0;
  }
  vhost->apply_policies();
  state_->policies_version.fetch_add(1, std::memory_order_release);
  auto batch = state_->log.new_batch();
  batch->erase_topology(policy_key(kind, vhost_name, name));
  return state_->log.append(std::move(batch));
}

std::optional<PolicyDescription> Topology::find_policy(PolicyKind kind, std::string_view vhost_name,
                                                       std::string_view name) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* vhost = state_->find_vhost(vhost_name);
  const auto policy = vhost == nullptr ? nullptr : vhost->policies(kind).find(name);
  return policy == nullptr ? std::nullopt : std::optional{policy->description()};
}

std::vector<PolicyDescription> Topology::list_policies(PolicyKind kind,
                                                       std::string_view vhost_name) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<PolicyDescription> policies;
  for (const auto& [name, vhost] : state_->vhosts) {
    if (vhost_name.empty() || name == vhost_name) {
      for (const auto& policy : vhost->policies(kind).all()) {
        policies.push_back(policy->description());
      }
    }
  }
  return policies;
}

std::uint64_t Topology::policies_version() const {
  return state_->policies_version.load(std::memory_order_acquire);
}

std::shared_ptr<const QueueSettings> Topology::settings_of(
    const std::shared_ptr<QueueRecord>& queue) const {
  const std::shared_lock lock{state_->mutex};
  if (const Vhost::QueueEntry* entry = state_->find_entry(*queue)) {
    return entry->settings;
  }
  return {queue, &queue->settings};
}

std::vector<QueueWithSettings> Topology::list_settings(ShardIndex owner) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<QueueWithSettings> all;
  for (const auto& [name, vhost] : state_->vhosts) {
    for (const auto& [queue_name, entry] : vhost->queues()) {
      if (entry.record->owner == owner) {
        all.push_back({entry.record, entry.settings});
      }
    }
  }
  return all;
}

AppliedPolicies Topology::policies_of(const QueueRecord& queue) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost::QueueEntry* entry = state_->find_entry(queue);
  return entry == nullptr ? AppliedPolicies{} : entry->policies;
}

std::shared_ptr<const Policy> Topology::policy_of(const Exchange& exchange) const {
  const std::shared_lock lock{state_->mutex};
  return exchange.policy();
}

}  // namespace lepus::model
