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

struct QueueDeclaring {
  const Access& access;
  const QueueDeclaration& declaration;
  std::string name;
  bool server_named = false;
  bool durable = false;
  amqp::FieldTable arguments;

  [[nodiscard]] ConnectionId exclusive_owner() const {
    return declaration.exclusive ? declaration.connection : ConnectionId::none;
  }
};

namespace {

constexpr std::string_view server_name_prefix = "amq.gen-";
constexpr std::string_view type_argument = "x-queue-type";

/// The checks that using a queue has in common: is it there, and not somebody else's.
std::optional<ProtocolError> check_usable(const QueueRecord* queue, std::string_view vhost,
                                          std::string_view name, ConnectionId connection) {
  if (queue == nullptr) {
    return not_found(describe_queue(vhost, name));
  }
  if (queue->is_exclusive() && queue->exclusive_owner != connection) {
    return queue_locked(queue->described());
  }
  return std::nullopt;
}

/// Where a new queue lives: clients that own their queue have it on their shard, the others are
/// spread by name.
PartitionIndex choose_partition(const QueueRecord& queue, bool stays_with_connection,
                                ShardIndex shard, std::uint32_t shards) {
  const std::uint64_t spread = spread_of(queue.vhost, queue.name);
  if (!stays_with_connection) {
    return static_cast<PartitionIndex>(spread % storage::partition_count);
  }
  // Partitions of a shard are its own number and every `shards`-th one after it.
  const std::uint32_t first = shard % shards;
  const std::uint32_t partitions = (storage::partition_count - first + shards - 1) / shards;
  return first + shards * static_cast<PartitionIndex>(spread % partitions);
}

std::optional<ProtocolError> check_queue_limit(const Vhost& vhost, std::string_view queue) {
  const auto limit = vhost.description.max_queues;
  if (!limit || *limit < 0 || vhost.queues().size() < static_cast<std::uint64_t>(*limit)) {
    return std::nullopt;
  }
  return ProtocolError{amqp::ReplyCode::precondition_failed,
                       fmt::format("cannot declare queue '{}': queue limit in vhost '{}' ({}) is "
                                   "reached",
                                   queue, vhost.name(), *limit)};
}

std::optional<ProtocolError> check_dead_letter_access(const Access& access,
                                                      const QueueRecord& queue) {
  const auto exchange = dead_letter_exchange_of(queue.arguments, queue.described());
  if (!exchange) {
    return exchange.error();
  }
  if (!*exchange) {
    return std::nullopt;
  }
  if (auto refused = access.check(Resource::queue, queue.name, Permission::read)) {
    return refused;
  }
  return access.check(Resource::exchange, **exchange, Permission::write);
}

std::optional<ProtocolError> check_same(const QueueRecord& queue, const QueueDeclaring& declaring) {
  // Strictly: the owner may not declare it without exclusive either.
  if (queue.exclusive_owner != declaring.exclusive_owner()) {
    return queue_locked(queue.described());
  }
  return check_equivalent(queue, declaring.durable, declaring.declaration.auto_delete,
                          declaring.arguments);
}

/// All that is asked of a queue that isn't there yet; fills its settings.
std::optional<ProtocolError> check_new(const Access& access, const Vhost& vhost,
                                       QueueRecord& queue) {
  if (auto reached = check_queue_limit(vhost, queue.name)) {
    return reached;
  }
  if (auto refused = check_dead_letter_access(access, queue)) {
    return refused;
  }
  const std::string described = queue.described();
  auto settings = check_queue_arguments(queue.arguments, described);
  if (!settings) {
    return settings.error();
  }
  queue.settings = *std::move(settings);
  if (auto refused = check_queue_properties(queue.settings.type, queue.durable,
                                            queue.is_exclusive(), queue.auto_delete, described)) {
    return refused;
  }
  return check_size(queue.arguments, described);
}

std::shared_ptr<QueueRecord> make_record(const QueueDeclaring& declaring) {
  auto queue = std::make_shared<QueueRecord>();
  queue->vhost = declaring.access.vhost();
  queue->name = declaring.name;
  queue->durable = declaring.durable;
  queue->auto_delete = declaring.declaration.auto_delete;
  queue->exclusive_owner = declaring.exclusive_owner();
  queue->arguments = declaring.arguments;
  queue->user = declaring.access.user();
  return queue;
}

/// A vhost may give queues another type than classic; only those that can have it.
void add_default_type(QueueDeclaring& declaring, std::string_view default_type) {
  const bool is_replicated = default_type == "quorum" || default_type == "stream";
  if (is_replicated && declaring.durable && !declaring.declaration.auto_delete &&
      declaring.arguments.find(type_argument) == nullptr) {
    declaring.arguments.set(type_argument, default_type);
  }
}

}  // namespace

ProtocolError no_queue_id() {
  return {amqp::ReplyCode::resource_error, "no more queues until the store has answered"};
}

std::uint64_t spread_of(std::string_view vhost, std::string_view name) {
  const StringHash hash;
  // Hashes of names that differ in one digit have low bits in common.
  constexpr std::uint64_t factor = 0x9E3779B97F4A7C15;
  return mix_bits(hash(vhost) * 31 + hash(name), factor);
}

Checked<DeclaredQueue> Topology::declare_queue(const Access& access,
                                               const QueueDeclaration& declaration) {
  QueueDeclaring declaring{access, declaration, strip_line_breaks(declaration.name)};
  if (declaration.passive) {
    auto queue = usable_queue(access.vhost(), declaring.name, declaration.connection);
    if (!queue) {
      return queue.error();
    }
    const TopologyTicket ticket = state_->ticket_of((*queue)->declared_in);
    return DeclaredQueue{*std::move(queue), false, ticket};
  }
  declaring.durable = declaration.durable && !declaration.exclusive;
  declaring.arguments = declaration.arguments;
  declaring.server_named = declaring.name.empty();
  if (const auto vhost = find_vhost(access.vhost())) {
    add_default_type(declaring, vhost->default_queue_type.empty()
                                    ? std::string_view{state_->options.default_queue_type}
                                    : vhost->default_queue_type);
  }
  if (declaring.server_named) {
    if (auto refused = check_server_named(declaring.arguments)) {
      return *std::move(refused);
    }
    declaring.name =
        std::string{server_name_prefix} + random_name_part(state_->options.random_bytes);
  } else if (is_reserved_name(declaring.name)) {
    return ProtocolError{
        amqp::ReplyCode::access_refused,
        fmt::format("queue name '{}' contains reserved prefix 'amq.*'", declaring.name)};
  }
  if (auto refused = access.check(Resource::queue, declaring.name, Permission::configure)) {
    return *std::move(refused);
  }
  {
    // Most declarations find what they ask for.
    const std::shared_lock lock{state_->mutex};
    auto queue = state_->find_same(declaring);
    if (!queue) {
      return queue.error();
    }
    if (*queue != nullptr && !state_->is_doubtful((*queue)->declared_in)) {
      const TopologyTicket ticket = state_->ticket_of((*queue)->declared_in);
      return DeclaredQueue{*std::move(queue), false, ticket};
    }
  }
  const std::unique_lock lock{state_->mutex};
  auto queue = state_->find_same(declaring);
  if (!queue) {
    return queue.error();
  }
  const bool created = *queue == nullptr;
  if (created) {
    queue = state_->create_queue(declaring);
    if (!queue) {
      return queue.error();
    }
  } else if (state_->is_doubtful((*queue)->declared_in)) {
    (*queue)->declared_in =
        state_->write_record(queue_key(access.vhost(), declaring.name), encode(**queue));
  }
  const TopologyTicket ticket = state_->ticket_of((*queue)->declared_in);
  const bool expires = created && state_->find_entry(**queue)->settings->expires_ms.has_value();
  return DeclaredQueue{*std::move(queue), created, ticket, expires};
}

Checked<std::shared_ptr<QueueRecord>> Topology::State::find_same(
    const QueueDeclaring& declaring) const {
  const auto vhost = vhost_of(declaring.access);
  if (!vhost) {
    return vhost.error();
  }
  std::shared_ptr<QueueRecord> queue = (*vhost)->find_queue(declaring.name);
  if (queue != nullptr) {
    if (auto error = check_same(*queue, declaring)) {
      return *std::move(error);
    }
  }
  return queue;
}

Checked<std::shared_ptr<QueueRecord>> Topology::State::create_queue(
    const QueueDeclaring& declaring) {
  Vhost* vhost = find_vhost(declaring.access.vhost());
  LEPUS_ASSERT(vhost != nullptr, "find_same() has found it under the same lock");
  std::shared_ptr<QueueRecord> queue = make_record(declaring);
  if (auto refused = check_new(declaring.access, *vhost, *queue)) {
    return *std::move(refused);
  }
  const auto id = ids.take();
  if (!id) {
    return no_queue_id();
  }
  queue->id = *id;
  queue->partition = choose_partition(*queue, declaring.server_named || queue->is_exclusive(),
                                      declaring.declaration.shard, options.shards);
  queue->owner = queue->partition % options.shards;
  vhost->add_queue(queue);
  queues_by_id.emplace(value_of(queue->id), queue);
  if (queue->durable) {
    queue->declared_in = write_record(queue_key(vhost->name(), queue->name), encode(*queue));
  }
  return queue;
}

Checked<std::shared_ptr<QueueRecord>> Topology::usable_queue(std::string_view vhost,
                                                             std::string_view name,
                                                             ConnectionId connection) const {
  std::shared_ptr<QueueRecord> queue = find_queue(vhost, name);
  if (auto error = check_usable(queue.get(), vhost, name, connection)) {
    return *std::move(error);
  }
  return queue;
}

std::shared_ptr<QueueRecord> Topology::find_queue(std::string_view vhost,
                                                  std::string_view name) const {
  const std::shared_lock lock{state_->mutex};
  const Vhost* found = state_->find_vhost(vhost);
  return found == nullptr ? nullptr : found->find_queue(name);
}

std::shared_ptr<QueueRecord> Topology::find_queue(QueueId id) const {
  const std::shared_lock lock{state_->mutex};
  const auto found = state_->queues_by_id.find(value_of(id));
  return found == state_->queues_by_id.end() ? nullptr : found->second;
}

TopologyTicket Topology::remove_queue(const QueueRecord& given) {
  const std::unique_lock lock{state_->mutex};
  const auto found = state_->queues_by_id.find(value_of(given.id));
  if (found == state_->queues_by_id.end()) {
    return 0;
  }
  const std::shared_ptr<QueueRecord> queue = std::move(found->second);
  state_->queues_by_id.erase(found);
  auto batch = state_->log.new_batch();
  bool durable = false;
  // Of a queue that went with its vhost only the messages are left.
  if (!queue->deleted.load(std::memory_order_relaxed)) {
    Vhost* vhost = state_->find_vhost(queue->vhost);
    LEPUS_ASSERT(vhost != nullptr, "a vhost's end marks its queues as deleted");
    durable = state_->erase_removed(vhost->remove_queue(queue->name), *batch);
    if (queue->durable) {
      batch->erase_topology(queue_key(queue->vhost, queue->name));
      durable = true;
    }
  }
  return durable ? state_->log.append(std::move(batch)) : 0;
}

}  // namespace lepus::model
