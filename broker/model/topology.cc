#include "broker/model/topology.h"

#include <utility>

#include <fmt/format.h>

#include "broker/model/router.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

/// Arguments are kept in records that have a limit of their own.
constexpr std::size_t arguments_max_bytes = amqp::field_table_max_bytes / 2;

struct PredeclaredExchange {
  std::string_view name;
  ExchangeType type;
  bool internal;
};

constexpr PredeclaredExchange predeclared_exchanges[] = {
    {"", ExchangeType::direct, false},           {"amq.direct", ExchangeType::direct, false},
    {"amq.fanout", ExchangeType::fanout, false}, {"amq.headers", ExchangeType::headers, false},
    {"amq.match", ExchangeType::headers, false}, {"amq.rabbitmq.trace", ExchangeType::topic, true},
    {"amq.topic", ExchangeType::topic, false},
};

}  // namespace

ProtocolError default_exchange_refused() {
  return {amqp::ReplyCode::access_refused, "operation not permitted on the default exchange"};
}

ProtocolError not_found(std::string_view described) {
  return {amqp::ReplyCode::not_found, fmt::format("no {}", described)};
}

ProtocolError queue_locked(std::string_view described) {
  return {amqp::ReplyCode::resource_locked,
          fmt::format("cannot obtain exclusive access to locked {}. It could be originally "
                      "declared on another connection or the exclusive property value does not "
                      "match that of the original declaration.",
                      described)};
}

std::optional<ProtocolError> check_size(const amqp::FieldTable& arguments,
                                        std::string_view described) {
  if (arguments.encoded_size() <= arguments_max_bytes) {
    return std::nullopt;
  }
  return ProtocolError{
      amqp::ReplyCode::precondition_failed,
      fmt::format("arguments of {} are larger than {} octets", described, arguments_max_bytes)};
}

std::string describe_queue(std::string_view vhost, std::string_view name) {
  return fmt::format("queue '{}' in vhost '{}'", name, vhost);
}

Topology::State::State(storage::Store& store, const Clock& given_clock, TopologyOptions given)
    : clock(given_clock), options(std::move(given)), log(store), ids(log) {}

Vhost* Topology::State::find_vhost(std::string_view name) const {
  const auto found = vhosts.find(name);
  return found == vhosts.end() ? nullptr : found->second.get();
}

Checked<Vhost*> Topology::State::vhost_of(const Access& access) const {
  Vhost* vhost = find_vhost(access.vhost());
  if (vhost == nullptr) {
    return ProtocolError{amqp::ReplyCode::not_allowed,
                         fmt::format("vhost {} not found", access.vhost())};
  }
  return vhost;
}

TopologyTicket Topology::State::ticket_of(storage::BatchNumber declared_in) const {
  return declared_in <= log.committed() ? 0 : declared_in;
}

bool Topology::State::is_doubtful(storage::BatchNumber declared_in) const {
  const auto outcome = log.outcome_of(declared_in);
  return outcome && *outcome != storage::Outcome::committed;
}

TopologyTicket Topology::State::write_record(std::string_view key, std::string_view value) {
  auto batch = log.new_batch();
  batch->put_topology(key, value);
  return log.append(std::move(batch));
}

TopologyTicket Topology::State::append_if(bool durable, std::unique_ptr<storage::Batch> batch) {
  return durable ? log.append(std::move(batch)) : 0;
}

Vhost& Topology::State::add_vhost(VhostDescription description) {
  auto created = std::make_unique<Vhost>(std::move(description));
  Vhost& vhost = *created;
  for (const PredeclaredExchange& exchange : predeclared_exchanges) {
    vhost.add_exchange({.vhost = vhost.name(),
                        .name = std::string{exchange.name},
                        .type = exchange.type,
                        .durable = true,
                        .auto_delete = false,
                        .internal = exchange.internal,
                        .arguments = {},
                        .user = "rmq-internal"});
  }
  vhosts.emplace(vhost.name(), std::move(created));
  return vhost;
}

bool Topology::State::erase_removed(const RemovedObjects& removed, storage::Batch& batch) {
  bool durable = false;
  for (const auto& binding : removed.bindings) {
    if (binding->durable) {
      batch.erase_topology(binding->identity);
      durable = true;
    }
  }
  for (const auto& exchange : removed.exchanges) {
    if (const auto* delay_queue = exchange->delay_queue()) {
      queues_by_id.erase(value_of((*delay_queue)->id));
    }
    if (exchange->is_durable()) {
      batch.erase_topology(exchange_key(exchange->vhost(), exchange->name()));
      durable = true;
    }
  }
  return durable;
}

Topology::Topology(storage::Store& store, const Clock& clock, TopologyOptions options)
    : state_(std::make_unique<State>(store, clock, std::move(options))) {
  LEPUS_ASSERT(state_->options.shards >= 1 && state_->options.shards <= storage::partition_count,
               "every shard has a partition");
}

Topology::~Topology() = default;

void Topology::set_listener(TopologyListener* listener) {
  state_->log.set_listener(listener);
}

std::shared_ptr<Exchange> Topology::find_exchange(std::string_view vhost,
                                                  std::string_view name) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* found = state_->find_vhost(vhost);
  return found == nullptr ? nullptr : found->find_exchange(name);
}

Route Topology::route(std::string_view vhost, std::string_view exchange,
                      std::string_view routing_key, const amqp::BasicProperties* properties) const {
  std::optional<amqp::FieldTable> table;
  std::vector<std::string_view> keys_of_headers;
  std::span<const std::string_view> keys{&routing_key, 1};
  if (properties != nullptr && properties->headers && !properties->headers->bytes.empty()) {
    table = amqp::FieldTable::decode(properties->headers->bytes);
  }
  const amqp::FieldTable* given = table ? &*table : nullptr;
  if (given != nullptr) {
    keys_of_headers = routing_keys_of(routing_key, given);
    keys = keys_of_headers;
  }
  const std::shared_lock lock{state_->mutex};
  const Vhost* found = state_->find_vhost(vhost);
  return found == nullptr ? Route{} : find_route(*found, exchange, {keys, given, properties});
}

TopologyTicket Topology::committed() const {
  return state_->log.committed();
}

std::optional<storage::Outcome> Topology::outcome_of(TopologyTicket ticket) const {
  return state_->log.outcome_of(ticket);
}

}  // namespace lepus::model
