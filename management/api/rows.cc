#include "management/api/rows.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "management/json_values.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

/// Positions in message_counter_names.
constexpr std::array<std::size_t, 1> published_to_queue{0};
constexpr std::array<std::size_t, 4> published{0, 1, 2, 3};
constexpr std::array<std::size_t, 8> delivered{4, 5, 6, 7, 8, 9, 10, 11};

void put_group(json& stats, std::span<const std::size_t> group, const MessageValues& values,
               const MessageRates& rates) {
  if (std::ranges::any_of(group, [&](std::size_t index) { return values[index] != 0; })) {
    for (const std::size_t index : group) {
      put_rated(stats, message_counter_names[index], values[index], rates[index]);
    }
  }
}

}  // namespace

void put_rated(json& object, std::string_view name, std::uint64_t value, double rate) {
  std::string key{name};
  object[key] = value;
  object[key + "_details"] = json{{"rate", rate}};
}

json message_stats(const MessageValues& values, const MessageRates& rates, StatsKind kind) {
  json stats = json::object();
  if (kind == StatsKind::queue) {
    put_group(stats, published_to_queue, values, rates);
  } else {
    put_group(stats, published, values, rates);
  }
  put_group(stats, delivered, values, rates);
  if (kind == StatsKind::overview && !stats.empty()) {
    put_rated(stats, "disk_reads", 0, 0);
    put_rated(stats, "disk_writes", 0, 0);
  }
  return stats;
}

void put_lengths(json& object, std::uint64_t ready, std::uint64_t unacked,
                 const LengthRates& rates) {
  put_rated(object, "messages_ready", ready, rates[0]);
  put_rated(object, "messages_unacknowledged", unacked, rates[1]);
  put_rated(object, "messages", ready + unacked, rates[2]);
}

json exchange_types() {
  json list = json::array();
  for (const model::ExchangeType type : model::exchange_types) {
    list.push_back({{"name", model::name_of(type)},
                    {"description", model::description_of(type)},
                    {"enabled", true}});
  }
  return list;
}

json listeners(const model::NodeDescription& node) {
  json list = json::array();
  for (const model::ListenerDescription& listener : node.listeners) {
    list.push_back({{"node", node.name},
                    {"protocol", listener.protocol},
                    {"ip_address", listener.address},
                    {"port", listener.port},
                    {"socket_opts", json::object()}});
  }
  return list;
}

json contexts(const model::NodeDescription& node) {
  json list = json::array();
  for (const model::ListenerDescription& listener : node.listeners) {
    if (listener.protocol == "http") {
      list.push_back({{"ssl_opts", json::array()},
                      {"node", node.name},
                      {"description", "RabbitMQ Management"},
                      {"path", "/"},
                      {"cowboy_opts", "[]"},
                      {"ip", listener.address},
                      {"port", std::to_string(listener.port)}});
    }
  }
  return list;
}

json churn_rates() {
  json churn = json::object();
  for (const std::string_view name :
       {"channel_closed", "channel_created", "connection_closed", "connection_created",
        "queue_created", "queue_declared", "queue_deleted"}) {
    put_rated(churn, name, 0, 0);
  }
  return churn;
}

json garbage_collection() {
  return {{"fullsweep_after", 65535},
          {"max_heap_size", 0},
          {"min_bin_vheap_size", 46422},
          {"min_heap_size", 233},
          {"minor_gcs", 0}};
}

std::string cluster_name(const Context& context) {
  for (const auto& parameter : context.broker.topology().list_parameters("")) {
    if (parameter.component.empty() && parameter.name == "cluster_name") {
      const json name = parse_json(parameter.value);
      return name.is_string() ? name.get<std::string>() : parameter.value;
    }
  }
  return context.broker.node().cluster_name;
}

std::string channel_name(std::string_view connection, std::uint16_t number) {
  return std::string{connection} + " (" + std::to_string(number) + ')';
}

json consumer_json(const model::ConsumerRow& row, std::string_view node, bool is_active,
                   bool is_single_active) {
  return {{"consumer_tag", row.tag},
          {"queue", {{"name", row.queue}, {"vhost", row.vhost}}},
          {"channel_details",
           {{"name", channel_name(row.connection_name, row.channel)},
            {"number", row.channel},
            {"node", node},
            {"user", row.user},
            {"connection_name", row.connection_name},
            {"peer_host", row.peer_host},
            {"peer_port", row.peer_port}}},
          {"ack_required", row.ack_required},
          {"exclusive", row.exclusive},
          {"active", is_active},
          {"activity_status", is_single_active ? "single_active"
                              : is_active      ? "up"
                                               : "waiting"},
          {"prefetch_count", row.prefetch_count},
          {"arguments", to_json(row.arguments)}};
}

json permissions_json(const model::UserPermissions& permissions) {
  return {{"user", permissions.user},
          {"vhost", permissions.vhost},
          {"configure", permissions.configure},
          {"write", permissions.write},
          {"read", permissions.read}};
}

json topic_permissions_json(const model::TopicPermissions& permissions) {
  return {{"user", permissions.user},
          {"vhost", permissions.vhost},
          {"exchange", permissions.exchange},
          {"write", permissions.write},
          {"read", permissions.read}};
}

bool is_default_queue_type(std::string_view word) {
  return word.empty() || word == "classic" || word == "quorum" || word == "stream";
}

json vhost_limits_json(const model::VhostDescription& vhost) {
  json limits = json::object();
  if (vhost.max_connections) {
    limits["max-connections"] = *vhost.max_connections;
  }
  if (vhost.max_queues) {
    limits["max-queues"] = *vhost.max_queues;
  }
  return limits;
}

json user_limits_json(const model::User& user) {
  json limits = json::object();
  if (user.limits.max_connections) {
    limits["max-connections"] = *user.limits.max_connections;
  }
  if (user.limits.max_channels) {
    limits["max-channels"] = *user.limits.max_channels;
  }
  return limits;
}

json user_json(const model::User& user) {
  return {{"name", user.name},
          {"password_hash", user.password_hash},
          {"hashing_algorithm", model::name_of(user.hashing)},
          {"tags", user.tags},
          {"limits", user_limits_json(user)}};
}

Response open_error(const model::ProtocolError& error) {
  if (error.code == amqp::ReplyCode::not_allowed && error.text.ends_with("not found")) {
    return not_found("vhost_not_found");
  }
  return not_authorised("Access refused.");
}

}  // namespace lepus::management::api
