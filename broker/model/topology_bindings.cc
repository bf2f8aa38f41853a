#include <memory>
#include <mutex>
#include <utility>

#include "broker/model/names.h"
#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

BindingDescription normalized(const BindingDescription& given) {
  return {.source = strip_line_breaks(given.source),
          .destination_type = given.destination_type,
          .destination = strip_line_breaks(given.destination),
          .routing_key = given.routing_key,
          .arguments = sorted_arguments(given.arguments)};
}

/// What bind and unbind check before they look for anything.
std::optional<ProtocolError> check_access(const Access& access, const BindingDescription& binding) {
  const bool to_queue = binding.destination_type == BindingDestination::queue;
  if (auto refused = access.check(to_queue ? Resource::queue : Resource::exchange,
                                  binding.destination, Permission::write)) {
    return refused;
  }
  if (binding.source.empty() || (!to_queue && binding.destination.empty())) {
    return default_exchange_refused();
  }
  return access.check(Resource::exchange, binding.source, Permission::read);
}

std::optional<ProtocolError> check_topic(const Access& access, const Exchange* source,
                                         const BindingDescription& binding) {
  if (source == nullptr || source->type() != ExchangeType::topic) {
    return std::nullopt;
  }
  return access.check_topic(source->name(), binding.routing_key, Permission::read);
}

bool is_locked(const QueueRecord& queue, ConnectionId connection) {
  return queue.is_exclusive() && queue.exclusive_owner != connection;
}

std::string identity_of(const Vhost& vhost, const BindingDescription& binding) {
  return binding_key(vhost.name(), binding.source, binding.destination_type, binding.destination,
                     binding.routing_key, binding.arguments);
}

/// Both ends are there and the binding is one that the source can have.
std::optional<ProtocolError> check_ends(const Vhost& vhost, const Exchange* source,
                                        const BindingDescription& binding,
                                        ConnectionId connection) {
  if (source == nullptr) {
    return not_found(describe_exchange(vhost.name(), binding.source));
  }
  std::shared_ptr<QueueRecord> queue;
  if (binding.destination_type == BindingDestination::exchange) {
    if (vhost.find_exchange(binding.destination) == nullptr) {
      return not_found(describe_exchange(vhost.name(), binding.destination));
    }
  } else {
    queue = vhost.find_queue(binding.destination);
    if (queue == nullptr) {
      return not_found(describe_queue(vhost.name(), binding.destination));
    }
    if (is_locked(*queue, connection)) {
      return queue_locked(queue->described());
    }
  }
  if (auto refused = source->check_binding(binding, queue.get())) {
    return refused;
  }
  return check_size(binding.arguments, "the binding");
}

}  // namespace

Checked<TopologyTicket> Topology::bind(const Access& access, const BindingDescription& given,
                                       ConnectionId connection) {
  const BindingDescription description = normalized(given);
  if (auto refused = check_access(access, description)) {
    return *std::move(refused);
  }
  const std::unique_lock lock{state_->mutex};
  const auto vhost = state_->vhost_of(access);
  if (!vhost) {
    return vhost.error();
  }
  const std::shared_ptr<Exchange> source = (*vhost)->find_exchange(description.source);
  if (auto refused = check_topic(access, source.get(), description)) {
    return *std::move(refused);
  }
  if (auto error = check_ends(**vhost, source.get(), description, connection)) {
    return *std::move(error);
  }
  std::string identity = identity_of(**vhost, description);
  Binding* binding = (*vhost)->find_binding(identity);
  const bool is_new = binding == nullptr;
  if (is_new) {
    binding = &(*vhost)->add_binding(description, std::move(identity));
  }
  if (binding->durable && (is_new || state_->is_doubtful(binding->declared_in))) {
    binding->declared_in = state_->write_record(binding->identity, {});
  }
  return state_->ticket_of(binding->declared_in);
}

Checked<TopologyTicket> Topology::unbind(const Access& access, const BindingDescription& given,
                                         ConnectionId connection) {
  const BindingDescription description = normalized(given);
  if (auto refused = check_access(access, description)) {
    return *std::move(refused);
  }
  const std::unique_lock lock{state_->mutex};
  const auto vhost = state_->vhost_of(access);
  if (!vhost) {
    return vhost.error();
  }
  const std::shared_ptr<Exchange> source = (*vhost)->find_exchange(description.source);
  if (auto refused = check_topic(access, source.get(), description)) {
    return *std::move(refused);
  }
  Binding* binding = (*vhost)->find_binding(identity_of(**vhost, description));
  if (binding == nullptr) {
    return TopologyTicket{0};
  }
  if (binding->queue != nullptr && is_locked(*binding->queue, connection)) {
    return queue_locked(binding->queue->described());
  }
  const RemovedObjects removed = (*vhost)->remove_binding(*binding);
  auto batch = state_->log.new_batch();
  const bool durable = state_->erase_removed(removed, *batch);
  return state_->append_if(durable, std::move(batch));
}

}  // namespace lepus::model
