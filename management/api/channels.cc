#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

struct Row {
  std::string name;
  model::ChannelRow channel;
};

using Rows = std::vector<Row>;

/// A channel that has done nothing for so long shows since when.
constexpr std::int64_t idle_shown_ms = 1000;

/// Whether this user sees what belongs to that one.
bool is_visible(const Context& context, const std::string& user) {
  return is_monitor(context.user) || user == context.user.name;
}

Rows visible_rows(const Context& context, std::vector<model::ChannelRow> channels) {
  Rows rows;
  for (model::ChannelRow& channel : channels) {
    if (is_visible(context, channel.user)) {
      std::string name = channel_name(channel.connection_name, channel.number);
      rows.push_back({std::move(name), std::move(channel)});
    }
  }
  return rows;
}

json channel_json(const Context& context, const Row& row, const std::string& node) {
  const model::ChannelRow& channel = row.channel;
  json object{{"name", row.name},
              {"node", node},
              {"vhost", channel.vhost},
              {"user", channel.user},
              {"user_who_performed_action", channel.user},
              {"number", channel.number},
              {"state", channel.closing ? "closing" : "running"},
              {"confirm", channel.confirm},
              {"transactional", channel.transactional},
              {"consumer_count", channel.consumer_count},
              {"prefetch_count", channel.prefetch_count},
              {"global_prefetch_count", channel.global_prefetch_count},
              {"messages_unacknowledged", channel.messages_unacknowledged},
              {"messages_unconfirmed", channel.messages_unconfirmed},
              {"messages_uncommitted", channel.messages_uncommitted},
              {"acks_uncommitted", channel.acks_uncommitted},
              {"pending_raft_commands", 0},
              {"connection_details",
               {{"name", channel.connection_name},
                {"peer_host", channel.peer_host},
                {"peer_port", channel.peer_port}}},
              {"garbage_collection", garbage_collection()}};
  put_rated(object, "reductions", 0, 0);
  if (channel.idle_since_ms != 0 &&
      context.broker.clock().wall_ms() - channel.idle_since_ms > idle_shown_ms) {
    object["idle_since"] = format_time(channel.idle_since_ms);
  }
  json stats = message_stats(values_of(channel.messages), context.sampler.channel_rates(channel),
                             StatsKind::channel);
  if (!stats.empty()) {
    object["message_stats"] = std::move(stats);
  }
  return object;
}

Response stats_are_disabled() {
  return bad_request("Stats in management UI are disabled on this node");
}

Response list_rows(const Context& context, const Rows& rows, bool is_paged) {
  const std::string node = context.broker.node().name;
  return list_response(
      context, list_of(
                   rows, [](const Row& row) { return std::string_view{row.channel.vhost}; },
                   [](const Row& row) { return std::string_view{row.name}; },
                   [&](const Row& row) { return channel_json(context, row, node); }, is_paged));
}

}  // namespace

Task<Response> list_channels(const Context& context) {
  if (context.stats_disabled()) {
    co_return stats_are_disabled();
  }
  auto channels = co_await context.broker.channel_rows();
  const Rows rows = visible_rows(context, std::move(channels));
  co_return list_rows(context, rows, true);
}

Task<Response> list_vhost_channels(const Context& context) {
  if (context.stats_disabled()) {
    co_return stats_are_disabled();
  }
  auto channels = co_await context.broker.channel_rows();
  Rows rows = visible_rows(context, std::move(channels));
  std::erase_if(rows, [&](const Row& row) { return row.channel.vhost != context.path("vhost"); });
  co_return list_rows(context, rows, true);
}

Task<Response> list_connection_channels(const Context& context) {
  const auto connections = co_await context.broker.connection_rows();
  const auto found =
      std::ranges::find(connections, context.path("connection"), &model::ConnectionRow::name);
  if (found == connections.end()) {
    co_return object_not_found();
  }
  if (!is_visible(context, found->user)) {
    co_return not_authorised("User not authorised to access object");
  }
  auto channels = co_await context.broker.channel_rows_of(found->id);
  const Rows rows = visible_rows(context, std::move(channels));
  co_return list_rows(context, rows, false);
}

Task<Response> get_channel(const Context& context) {
  if (context.stats_disabled()) {
    co_return stats_are_disabled();
  }
  const std::string& name = context.path("channel");
  const auto connections = co_await context.broker.connection_rows();
  const std::string connection_name = name.substr(0, name.rfind(" ("));
  const auto connection =
      std::ranges::find(connections, connection_name, &model::ConnectionRow::name);
  if (connection == connections.end()) {
    co_return object_not_found();
  }
  const auto channels = co_await context.broker.channel_rows_of(connection->id);
  const auto channel = std::ranges::find(channels, name, [](const model::ChannelRow& each) {
    return channel_name(each.connection_name, each.number);
  });
  if (channel == channels.end()) {
    co_return object_not_found();
  }
  if (!is_visible(context, channel->user)) {
    co_return not_authorised("User not authorised to access object");
  }
  const std::string node = context.broker.node().name;
  json object = channel_json(context, {name, *channel}, node);
  object["publishes"] = json::array();
  object["deliveries"] = json::array();
  json consumers = json::array();
  const auto consumer_rows = co_await context.broker.consumer_rows_of(connection->id);
  for (const model::ConsumerRow& consumer : consumer_rows) {
    if (consumer.channel == channel->number) {
      consumers.push_back(consumer_json(consumer, node, true, false));
    }
  }
  object["consumer_details"] = std::move(consumers);
  co_return object_response(context, std::move(object));
}

}  // namespace lepus::management::api
