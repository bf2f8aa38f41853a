#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/model/exchange.h"
#include "broker/model/policy.h"
#include "broker/model/queue_record.h"
#include "broker/model/topology.h"
#include "broker/model/user.h"

namespace lepus::model {

// The durable records of the topology's log. A key is a letter for the kind and the names, each
// behind its length; a value is a field table (a runtime parameter's is the value itself), so that
// later versions can add fields.

enum class RecordKind : char {
  vhost = 'v',
  exchange = 'x',
  queue = 'q',
  binding = 'b',
  user = 'u',
  permissions = 'p',
  topic_permissions = 't',
  parameter = 'r',
  policy = 'y',
  operator_policy = 'o',
};

struct RecordKey {
  RecordKind kind = RecordKind::vhost;
  std::vector<std::string> names;
};

/// Nothing if it is no key of a known kind with the number of names that the kind has.
[[nodiscard]] std::optional<RecordKey> decode_key(std::string_view key);

[[nodiscard]] std::string vhost_key(std::string_view vhost);
[[nodiscard]] std::string exchange_key(std::string_view vhost, std::string_view name);
[[nodiscard]] std::string queue_key(std::string_view vhost, std::string_view name);
/// Tells bindings apart, durable or not; the arguments must be sorted (sorted_arguments).
[[nodiscard]] std::string binding_key(std::string_view vhost, std::string_view source,
                                      BindingDestination destination_type,
                                      std::string_view destination, std::string_view routing_key,
                                      const amqp::FieldTable& arguments);
[[nodiscard]] std::string user_key(std::string_view user);
[[nodiscard]] std::string permissions_key(std::string_view user, std::string_view vhost);
[[nodiscard]] std::string topic_permissions_key(std::string_view user, std::string_view vhost,
                                                std::string_view exchange);
[[nodiscard]] std::string policy_key(PolicyKind kind, std::string_view vhost,
                                     std::string_view name);
[[nodiscard]] std::string parameter_key(std::string_view component, std::string_view vhost,
                                        std::string_view name);

/// The fields by name, as bindings are compared.
[[nodiscard]] amqp::FieldTable sorted_arguments(amqp::FieldTable arguments);

[[nodiscard]] std::string encode(const VhostDescription& vhost);
[[nodiscard]] std::string encode(const ExchangeRecord& exchange);
[[nodiscard]] std::string encode(const QueueRecord& queue);
[[nodiscard]] std::string encode(const User& user);
[[nodiscard]] std::string encode(const UserPermissions& permissions);
[[nodiscard]] std::string encode(const TopicPermissions& permissions);
[[nodiscard]] std::string encode(const PolicyDescription& policy);

// The names come from the key. All give nothing for a damaged value.

[[nodiscard]] std::optional<VhostDescription> decode_vhost(const RecordKey& key,
                                                           std::string_view value);
[[nodiscard]] std::optional<ExchangeRecord> decode_exchange(const RecordKey& key,
                                                            std::string_view value);
/// Without owner, settings and batch, which are this run's.
[[nodiscard]] std::shared_ptr<QueueRecord> decode_queue(const RecordKey& key,
                                                        std::string_view value);
/// A binding's key says everything; its value is empty.
[[nodiscard]] std::optional<BindingDescription> decode_binding(const RecordKey& key);
[[nodiscard]] std::optional<User> decode_user(const RecordKey& key, std::string_view value);
[[nodiscard]] std::optional<UserPermissions> decode_permissions(const RecordKey& key,
                                                                std::string_view value);
[[nodiscard]] std::optional<TopicPermissions> decode_topic_permissions(const RecordKey& key,
                                                                       std::string_view value);
/// Its definition may have keys that this release does not know.
[[nodiscard]] std::shared_ptr<const Policy> decode_policy(const RecordKey& key,
                                                          std::string_view value);

}  // namespace lepus::model
