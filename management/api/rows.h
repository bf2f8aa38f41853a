#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/model/broker_access.h"
#include "management/context.h"
#include "management/response.h"
#include "management/sampler.h"

/// JSON of what several nouns show.
namespace lepus::management::api {

/// The version of RabbitMQ whose behaviour this is; clients choose theirs by it.
inline constexpr std::string_view rabbitmq_version = "3.13.7";

/// object[name] and object[name_details].
void put_rated(nlohmann::json& object, std::string_view name, std::uint64_t value, double rate);

/// Which counters an object has.
enum class StatsKind { queue, channel, overview };

/// message_stats: groups of counters, each complete once one of it has counted; perhaps empty.
[[nodiscard]] nlohmann::json message_stats(const MessageValues& values, const MessageRates& rates,
                                           StatsKind kind);

/// messages, messages_ready and messages_unacknowledged with their rates.
void put_lengths(nlohmann::json& object, std::uint64_t ready, std::uint64_t unacked,
                 const LengthRates& rates);

/// What overview and nodes have in common.
[[nodiscard]] nlohmann::json exchange_types();
[[nodiscard]] nlohmann::json listeners(const model::NodeDescription& node);
[[nodiscard]] nlohmann::json contexts(const model::NodeDescription& node);
[[nodiscard]] nlohmann::json churn_rates();
/// What RabbitMQ says of an Erlang process; clients want the fields.
[[nodiscard]] nlohmann::json garbage_collection();
/// What the store has done, as nodes show it under `lepus_store`.
[[nodiscard]] nlohmann::json store_statistics_json(const storage::StoreStatistics& statistics);
/// The configured one unless it was changed.
[[nodiscard]] std::string cluster_name(const Context& context);

/// "<connection> (1)".
[[nodiscard]] std::string channel_name(std::string_view connection, std::uint16_t number);

/// `name_or` is what a queue, an exchange and others are listed by.
[[nodiscard]] nlohmann::json consumer_json(const model::ConsumerRow& row, std::string_view node,
                                           bool is_active, bool is_single_active);
[[nodiscard]] nlohmann::json permissions_json(const model::UserPermissions& permissions);
[[nodiscard]] nlohmann::json topic_permissions_json(const model::TopicPermissions& permissions);
[[nodiscard]] nlohmann::json user_json(const model::User& user);
/// Whether a vhost may have it; the empty word is none.
[[nodiscard]] bool is_default_queue_type(std::string_view word);
[[nodiscard]] nlohmann::json vhost_limits_json(const model::VhostDescription& vhost);
[[nodiscard]] nlohmann::json user_limits_json(const model::User& user);

/// Opening a client failed.
[[nodiscard]] Response open_error(const model::ProtocolError& error);

}  // namespace lepus::management::api
