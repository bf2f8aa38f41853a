#include "broker/model/topology_records.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "amqp/byte_order.h"
#include "amqp/decoder.h"

namespace lepus::model {

namespace {

constexpr std::string_view destination_queue = "q";
constexpr std::string_view destination_exchange = "e";

std::string make_key(RecordKind kind, std::initializer_list<std::string_view> names) {
  std::string key(1, static_cast<char>(kind));
  for (const std::string_view name : names) {
    char length[sizeof(std::uint32_t)];
    amqp::store_big_endian(length, static_cast<std::uint32_t>(name.size()));
    key.append(length, sizeof(length));
    key += name;
  }
  return key;
}

/// Names in a key of this kind; 0: no such kind.
std::size_t name_count(RecordKind kind) {
  switch (kind) {
    case RecordKind::vhost:
    case RecordKind::user:
      return 1;
    case RecordKind::exchange:
    case RecordKind::queue:
    case RecordKind::permissions:
    case RecordKind::policy:
    case RecordKind::operator_policy:
      return 2;
    case RecordKind::topic_permissions:
    case RecordKind::parameter:
      return 3;
    case RecordKind::binding:
      return 6;
  }
  return 0;
}

amqp::FieldTable text_fields(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  amqp::FieldTable table;
  for (const auto& [name, text] : fields) {
    table.set(name, text);
  }
  return table;
}

amqp::FieldArray array_of(const std::vector<std::string>& texts) {
  amqp::FieldArray array;
  for (const std::string& text : texts) {
    array.values().emplace_back(text);
  }
  return array;
}

void set_number(amqp::FieldTable& table, std::string_view name,
                const std::optional<std::int64_t>& number) {
  if (number) {
    table.set(name, *number);
  }
}

/// Reads the fields of one record; a missing field reads as empty, so that older records stay
/// readable.
class FieldReader {
 public:
  explicit FieldReader(std::string_view value) : table_(amqp::FieldTable::decode(value)) {}

  [[nodiscard]] bool ok() const { return table_.has_value(); }

  [[nodiscard]] std::string text(std::string_view name) const {
    const amqp::FieldValue* value = table_->find(name);
    const std::string* text = value == nullptr ? nullptr : value->as_string();
    return text == nullptr ? std::string{} : *text;
  }

  [[nodiscard]] bool flag(std::string_view name) const {
    const amqp::FieldValue* value = table_->find(name);
    const bool* flag = value == nullptr ? nullptr : value->get_if<bool>();
    return flag != nullptr && *flag;
  }

  [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) const {
    const amqp::FieldValue* value = table_->find(name);
    return value == nullptr ? std::nullopt : value->as_integer();
  }

  /// Whole or not.
  [[nodiscard]] std::optional<double> real(std::string_view name) const {
    const amqp::FieldValue* value = table_->find(name);
    const double* real = value == nullptr ? nullptr : value->get_if<double>();
    const auto whole = number(name);
    return real != nullptr ? std::optional{*real}
           : whole         ? std::optional{static_cast<double>(*whole)}
                           : std::nullopt;
  }

  /// Tables of clients are kept as their octets: within a table of ours they could be nested too
  /// deeply.
  [[nodiscard]] amqp::FieldTable table(std::string_view name) const {
    return amqp::FieldTable::decode(text(name)).value_or(amqp::FieldTable{});
  }

  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> texts;
    const amqp::FieldValue* value = table_->find(name);
    if (const auto* array = value == nullptr ? nullptr : value->get_if<amqp::FieldArray>()) {
      for (const amqp::FieldValue& element : array->values()) {
        if (const std::string* text = element.as_string()) {
          texts.push_back(*text);
        }
      }
    }
    return texts;
  }

 private:
  std::optional<amqp::FieldTable> table_;
};

/// A queue's id and partition, or nothing if these can't be.
std::optional<QueuePlace> read_place(const FieldReader& fields, std::string_view id_field) {
  const auto id = fields.number(id_field);
  const auto partition = fields.number("partition");
  if (!id || *id <= 0 || !partition || *partition < 0 ||
      *partition >= std::int64_t{storage::partition_count}) {
    return std::nullopt;
  }
  return QueuePlace{.id = QueueId{static_cast<std::uint64_t>(*id)},
                    .partition = static_cast<PartitionIndex>(*partition)};
}

std::optional<QueuePlace> read_delay_queue(ExchangeType type, const FieldReader& fields) {
  return type == ExchangeType::delayed_message ? read_place(fields, "delay_queue") : QueuePlace{};
}

}  // namespace

std::optional<RecordKey> decode_key(std::string_view key) {
  if (key.empty()) {
    return std::nullopt;
  }
  RecordKey decoded{static_cast<RecordKind>(key.front()), {}};
  amqp::Decoder decoder{key.substr(1)};
  while (decoder.remaining_bytes() > 0) {
    decoded.names.emplace_back(decoder.read_long_string());
  }
  const std::size_t expected = name_count(decoded.kind);
  if (!decoder.ok() || expected == 0 || decoded.names.size() != expected) {
    return std::nullopt;
  }
  return decoded;
}

std::string vhost_key(std::string_view vhost) {
  return make_key(RecordKind::vhost, {vhost});
}

std::string exchange_key(std::string_view vhost, std::string_view name) {
  return make_key(RecordKind::exchange, {vhost, name});
}

std::string queue_key(std::string_view vhost, std::string_view name) {
  return make_key(RecordKind::queue, {vhost, name});
}

std::string binding_key(std::string_view vhost, std::string_view source,
                        BindingDestination destination_type, std::string_view destination,
                        std::string_view routing_key, const amqp::FieldTable& arguments) {
  return make_key(
      RecordKind::binding,
      {vhost, source,
       destination_type == BindingDestination::queue ? destination_queue : destination_exchange,
       destination, routing_key, arguments.encode()});
}

std::string user_key(std::string_view user) {
  return make_key(RecordKind::user, {user});
}

std::string permissions_key(std::string_view user, std::string_view vhost) {
  return make_key(RecordKind::permissions, {user, vhost});
}

std::string topic_permissions_key(std::string_view user, std::string_view vhost,
                                  std::string_view exchange) {
  return make_key(RecordKind::topic_permissions, {user, vhost, exchange});
}

std::string policy_key(PolicyKind kind, std::string_view vhost, std::string_view name) {
  return make_key(kind == PolicyKind::ordinary ? RecordKind::policy : RecordKind::operator_policy,
                  {vhost, name});
}

std::string parameter_key(std::string_view component, std::string_view vhost,
                          std::string_view name) {
  return make_key(RecordKind::parameter, {component, vhost, name});
}

amqp::FieldTable sorted_arguments(amqp::FieldTable arguments) {
  std::ranges::stable_sort(arguments.fields(), {}, &amqp::Field::name);
  return arguments;
}

std::string encode(const VhostDescription& vhost) {
  amqp::FieldTable table = text_fields(
      {{"description", vhost.description}, {"default_queue_type", vhost.default_queue_type}});
  table.set("tags", array_of(vhost.tags));
  set_number(table, "max_connections", vhost.max_connections);
  set_number(table, "max_queues", vhost.max_queues);
  return table.encode();
}

std::string encode(const ExchangeRecord& exchange) {
  amqp::FieldTable table = text_fields({{"type", name_of(exchange.type)}, {"user", exchange.user}});
  table.set("auto_delete", exchange.auto_delete);
  table.set("internal", exchange.internal);
  table.set("arguments", exchange.arguments.encode());
  if (exchange.type == ExchangeType::delayed_message) {
    table.set("delay_queue", static_cast<std::int64_t>(value_of(exchange.delay_queue.id)));
    table.set("partition", static_cast<std::int64_t>(exchange.delay_queue.partition));
  }
  return table.encode();
}

std::string encode(const QueueRecord& queue) {
  amqp::FieldTable table = text_fields({{"user", queue.user}});
  table.set("id", static_cast<std::int64_t>(value_of(queue.id)));
  table.set("partition", static_cast<std::int64_t>(queue.partition));
  table.set("auto_delete", queue.auto_delete);
  table.set("arguments", queue.arguments.encode());
  return table.encode();
}

std::string encode(const User& user) {
  amqp::FieldTable table = text_fields(
      {{"password_hash", user.password_hash}, {"hashing_algorithm", name_of(user.hashing)}});
  table.set("tags", array_of(user.tags));
  set_number(table, "max_connections", user.limits.max_connections);
  set_number(table, "max_channels", user.limits.max_channels);
  return table.encode();
}

std::string encode(const UserPermissions& permissions) {
  return text_fields({{"configure", permissions.configure},
                      {"write", permissions.write},
                      {"read", permissions.read}})
      .encode();
}

std::string encode(const TopicPermissions& permissions) {
  return text_fields({{"write", permissions.write}, {"read", permissions.read}}).encode();
}

std::string encode(const PolicyDescription& policy) {
  amqp::FieldTable table =
      text_fields({{"pattern", policy.pattern}, {"apply_to", name_of(policy.apply_to)}});
  table.set("priority", policy.priority);
  table.set("definition", policy.definition.encode());
  return table.encode();
}

std::optional<VhostDescription> decode_vhost(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return std::nullopt;
  }
  return VhostDescription{.name = key.names[0],
                          .description = fields.text("description"),
                          .tags = fields.texts("tags"),
                          .default_queue_type = fields.text("default_queue_type"),
                          .max_connections = fields.number("max_connections"),
                          .max_queues = fields.number("max_queues")};
}

std::optional<ExchangeRecord> decode_exchange(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return std::nullopt;
  }
  const auto type = exchange_type_from(fields.text("type"));
  if (!type) {
    return std::nullopt;
  }
  const auto delay_queue = read_delay_queue(*type, fields);
  if (!delay_queue) {
    return std::nullopt;
  }
  return ExchangeRecord{.vhost = key.names[0],
                        .name = key.names[1],
                        .type = *type,
                        .durable = true,
                        .auto_delete = fields.flag("auto_delete"),
                        .internal = fields.flag("internal"),
                        .arguments = fields.table("arguments"),
                        .user = fields.text("user"),
                        .delay_queue = *delay_queue};
}

std::shared_ptr<QueueRecord> decode_queue(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return nullptr;
  }
  const auto place = read_place(fields, "id");
  if (!place) {
    return nullptr;
  }
  auto queue = std::make_shared<QueueRecord>();
  queue->id = place->id;
  queue->vhost = key.names[0];
  queue->name = key.names[1];
  queue->partition = place->partition;
  queue->durable = true;
  queue->auto_delete = fields.flag("auto_delete");
  queue->arguments = fields.table("arguments");
  queue->user = fields.text("user");
  return queue;
}

std::optional<BindingDescription> decode_binding(const RecordKey& key) {
  auto arguments = amqp::FieldTable::decode(key.names[5]);
  if (!arguments || (key.names[2] != destination_queue && key.names[2] != destination_exchange)) {
    return std::nullopt;
  }
  return BindingDescription{.source = key.names[1],
                            .destination_type = key.names[2] == destination_queue
                                                    ? BindingDestination::queue
                                                    : BindingDestination::exchange,
                            .destination = key.names[3],
                            .routing_key = key.names[4],
                            .arguments = *std::move(arguments)};
}

std::optional<User> decode_user(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return std::nullopt;
  }
  const auto hashing = password_hashing_from(fields.text("hashing_algorithm"));
  if (!hashing) {
    return std::nullopt;
  }
  return User{.name = key.names[0],
              .password_hash = fields.text("password_hash"),
              .hashing = *hashing,
              .tags = fields.texts("tags"),
              .limits = {.max_connections = fields.number("max_connections"),
                         .max_channels = fields.number("max_channels")}};
}

std::optional<UserPermissions> decode_permissions(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return std::nullopt;
  }
  return UserPermissions{.user = key.names[0],
                         .vhost = key.names[1],
                         .configure = fields.text("configure"),
                         .write = fields.text("write"),
                         .read = fields.text("read")};
}

std::optional<TopicPermissions> decode_topic_permissions(const RecordKey& key,
                                                         std::string_view value) {
  const FieldReader fields{value};
  if (!fields.ok()) {
    return std::nullopt;
  }
  return TopicPermissions{.user = key.names[0],
                          .vhost = key.names[1],
                          .exchange = key.names[2],
                          .write = fields.text("write"),
                          .read = fields.text("read")};
}

std::shared_ptr<const Policy> decode_policy(const RecordKey& key, std::string_view value) {
  const FieldReader fields{value};
  const auto target = fields.ok() ? policy_target_from(fields.text("apply_to")) : std::nullopt;
  if (!target) {
    return nullptr;
  }
  auto policy = Policy::create(
      {.kind = key.kind == RecordKind::policy ? PolicyKind::ordinary : PolicyKind::by_operator,
       .vhost = key.names[0],
       .name = key.names[1],
       .pattern = fields.text("pattern"),
       .apply_to = *target,
       .priority = fields.real("priority").value_or(0),
       .definition = fields.table("definition")});
  return policy ? *std::move(policy) : nullptr;
}

}  // namespace lepus::model
