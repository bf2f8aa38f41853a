#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "broker/model/equivalence.h"
#include "broker/model/names.h"
#include "broker/model/queue_arguments.h"
#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

constexpr std::string_view alternate_argument = "alternate-exchange";

/// What is asked of a name that is not taken yet.
std::optional<ProtocolError> check_new(const Access& access, const ExchangeRecord& record) {
  if (is_reserved_name(record.name)) {
    return ProtocolError{
        amqp::ReplyCode::access_refused,
        fmt::format("exchange name '{}' contains reserved prefix 'amq.*'", record.name)};
  }
  const std::string described = describe_exchange(record.vhost, record.name);
  const auto alternate = name_argument(record.arguments, alternate_argument, described);
  if (!alternate) {
    return alternate.error();
  }
  if (*alternate) {
    if (auto refused = access.check(Resource::exchange, record.name, Permission::read)) {
      return refused;
    }
    if (auto refused = access.check(Resource::exchange, **alternate, Permission::write)) {
      return refused;
    }
  }
  if (auto refused = check_type_arguments(record)) {
    return refused;
  }
  return check_size(record.arguments, described);
}

}  // namespace

Checked<TopologyTicket> Topology::declare_exchange(const Access& access,
                                                   const ExchangeDeclaration& declaration) {
  const std::string name = strip_line_breaks(declaration.name);
  if (declaration.passive) {
    if (name.empty()) {
      return default_exchange_refused();
    }
    if (find_exchange(access.vhost(), name) == nullptr) {
      return not_found(describe_exchange(access.vhost(), name));
    }
    return TopologyTicket{0};
  }
  const auto type = check_exchange_type(declaration.type);
  if (!type) {
    return type.error();
  }
  if (name.empty()) {
    return default_exchange_refused();
  }
  if (auto refused = access.check(Resource::exchange, name, Permission::configure)) {
    return *std::move(refused);
  }
  ExchangeRecord record{.vhost = access.vhost(),
                        .name = name,
                        .type = *type,
                        .durable = declaration.durable,
                        .auto_delete = declaration.auto_delete,
                        .internal = declaration.internal,
                        .arguments = declaration.arguments,
                        .user = access.user()};
  const std::unique_lock lock{state_->mutex};
  const auto vhost = state_->vhost_of(access);
  if (!vhost) {
    return vhost.error();
  }
  std::shared_ptr<Exchange> exchange = (*vhost)->find_exchange(name);
  if (exchange != nullptr) {
    if (auto error = check_equivalent(exchange->record(), record)) {
      return *std::move(error);
    }
  } else if (auto refused = check_new(access, record)) {
    return *std::move(refused);
  }
  const bool is_new = exchange == nullptr;
  if (is_new && record.type == ExchangeType::delayed_message) {
    if (auto refused = state_->give_delay_queue(record)) {
      return *std::move(refused);
    }
  }
  Exchange& declared = is_new ? (*vhost)->add_exchange(std::move(record)) : *exchange;
  if (is_new) {
    state_->note_delay_queue(declared);
  }
  if (declared.is_durable() && (is_new || state_->is_doubtful(declared.declared_in))) {
    declared.declared_in =
        state_->write_record(exchange_key(access.vhost(), name), encode(declared.record()));
  }
  return state_->ticket_of(declared.declared_in);
}

std::optional<ProtocolError> Topology::State::give_delay_queue(ExchangeRecord& exchange) {
  const auto id = ids.take();
  if (!id) {
    return no_queue_id();
  }
  const auto partition = static_cast<PartitionIndex>(spread_of(exchange.vhost, exchange.name) %
                                                     storage::partition_count);
  exchange.delay_queue = {*id, partition, partition % options.shards};
  return std::nullopt;
}

bool Topology::State::note_delay_queue(const Exchange& exchange) {
  const auto* queue = exchange.delay_queue();
  return queue == nullptr || queues_by_id.emplace(value_of((*queue)->id), *queue).second;
}

std::vector<std::shared_ptr<QueueRecord>> Topology::list_delay_queues() const {
  const std::shared_lock lock{state_->mutex};
  std::vector<std::shared_ptr<QueueRecord>> all;
  for (const auto& [name, vhost] : state_->vhosts) {
    for (const auto& [exchange_name, exchange] : vhost->exchanges()) {
      if (const auto* queue = exchange->delay_queue()) {
        all.push_back(*queue);
      }
    }
  }
  return all;
}

Checked<TopologyTicket> Topology::delete_exchange(const Access& access, std::string_view given_name,
                                                  bool if_unused) {
  const std::string name = strip_line_breaks(given_name);
  if (name.empty()) {
    return default_exchange_refused();
  }
  if (is_reserved_name(name)) {
    return ProtocolError{
        amqp::ReplyCode::access_refused,
        fmt::format("deletion of system {} not allowed", describe_exchange(access.vhost(), name))};
  }
  if (auto refused = access.check(Resource::exchange, name, Permission::configure)) {
    return *std::move(refused);
  }
  const std::unique_lock lock{state_->mutex};
  const auto vhost = state_->vhost_of(access);
  if (!vhost) {
    return vhost.error();
  }
  const std::shared_ptr<Exchange> exchange = (*vhost)->find_exchange(name);
  if (exchange == nullptr) {
    return TopologyTicket{0};
  }
  if (if_unused && !exchange->bindings_from.empty()) {
    return ProtocolError{amqp::ReplyCode::precondition_failed,
                         fmt::format("{} in use", exchange->described())};
  }
  const RemovedObjects removed = (*vhost)->remove_exchange(*exchange);
  auto batch = state_->log.new_batch();
  const bool durable = state_->erase_removed(removed, *batch);
  return state_->append_if(durable, std::move(batch));
}

}  // namespace lepus::model
