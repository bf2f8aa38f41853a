#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

/// Programs parse them; they are of the releases that RabbitMQ 3.13.7 is used with.
constexpr std::string_view erlang_version = "26.2.5.5";
constexpr std::string_view erlang_full_version =
    "Erlang/OTP 26 [erts-14.2.5.4] [source] [64-bit] [smp]";

json basic_overview(const Context& context) {
  const auto node = context.broker.node();
  const json samples{
      {"global", {600, 3600, 28800, 86400}}, {"basic", {600, 3600}}, {"detailed", {600}}};
  return {{"management_version", rabbitmq_version},
          {"rabbitmq_version", rabbitmq_version},
          {"product_version", rabbitmq_version},
          {"product_name", "RabbitMQ"},
          {"lepus_version", node.lepus_version},
          {"rates_mode", "basic"},
          {"sample_retention_policies", samples},
          {"exchange_types", exchange_types()},
          {"cluster_name", cluster_name(context)},
          {"cluster_tags", json::object()},
          {"node_tags", json::object()},
          {"default_queue_type", node.default_queue_type},
          {"erlang_version", erlang_version},
          {"erlang_full_version", erlang_full_version},
          {"release_series_support_status", "supported"},
          {"disable_stats", context.stats_disabled()},
          {"enable_queue_totals", context.query_is_true("enable_queue_totals")},
          {"is_op_policy_updating_enabled", true},
          {"statistics_db_event_queue", 0},
          {"node", node.name}};
}

struct Totals {
  std::int64_t connections = 0;
  std::int64_t channels = 0;
  std::size_t exchanges = 0;
};

Totals count_objects(const Context& context) {
  const model::Topology& topology = context.broker.topology();
  const model::ConnectionCounts& counts = context.broker.access().connection_counts();
  Totals totals;
  for (const std::string& vhost : visible_vhosts(topology, context.user)) {
    totals.exchanges += topology.list_exchanges(vhost).size();
  }
  for (const model::User& user : topology.list_users()) {
    if (is_monitor(context.user) || user.name == context.user.name) {
      const auto of_user = counts.of_user(user.name);
      totals.connections += of_user.connections;
      totals.channels += of_user.channels;
    }
  }
  return totals;
}

BrokerCalls::Queues visible_queues(const Context& context) {
  BrokerCalls::Queues queues;
  const model::Topology& topology = context.broker.topology();
  for (const std::string& vhost : visible_vhosts(topology, context.user)) {
    auto more = topology.list_queues(vhost);
    queues.insert(queues.end(), more.begin(), more.end());
  }
  return queues;
}

/// What the rows of queues say together.
struct QueueSums {
  std::uint64_t ready = 0;
  std::uint64_t unacked = 0;
  std::uint64_t consumers = 0;
  LengthRates length_rates{};
  MessageValues values{};
  MessageRates rates{};
};

template <typename Values>
void add_to(Values& sums, const Values& values) {
  std::ranges::transform(sums, values, sums.begin(), std::plus{});
}

QueueSums sum_up(const Context& context, const std::vector<model::QueueRow>& rows) {
  QueueSums sums;
  for (const model::QueueRow& row : rows) {
    sums.ready += row.ready_count;
    sums.unacked += row.unacked_count;
    sums.consumers += row.consumer_count;
    add_to(sums.length_rates, context.sampler.length_rates(row.record->id));
    add_to(sums.values, values_of(row.counters));
    add_to(sums.rates, context.sampler.queue_rates(row.record->id));
  }
  return sums;
}

}  // namespace

Task<Response> get_overview(const Context& context) {
  json overview = basic_overview(context);
  auto queues = visible_queues(context);
  const std::size_t queue_count = queues.size();
  const Totals totals = count_objects(context);
  json objects{{"connections", totals.connections},
               {"exchanges", totals.exchanges},
               {"queues", queue_count}};
  if (context.stats_disabled()) {
    overview["object_totals"] = objects;
    co_return object_response(context, std::move(overview));
  }
  const auto rows = co_await context.broker.queue_rows(std::move(queues));
  const auto counters = co_await context.broker.total_counters();
  const QueueSums sums = sum_up(context, rows);
  objects["channels"] = totals.channels;
  objects["consumers"] = sums.consumers;
  overview["object_totals"] = objects;
  json lengths = json::object();
  put_lengths(lengths, sums.ready, sums.unacked, sums.length_rates);
  overview["queue_totals"] = lengths;
  // What happens in other vhosts is not for everybody.
  overview["message_stats"] =
      is_monitor(context.user)
          ? message_stats(values_of(counters), context.sampler.total_rates(), StatsKind::overview)
          : message_stats(sums.values, sums.rates, StatsKind::overview);
  overview["churn_rates"] = churn_rates();
  if (is_monitor(context.user)) {
    const auto node = context.broker.node();
    overview["listeners"] = listeners(node);
    overview["contexts"] = contexts(node);
  }
  co_return object_response(context, std::move(overview));
}

Response get_cluster_name(const Context& context) {
  return object_response(context, {{"name", cluster_name(context)}});
}

Task<Response> put_cluster_name(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"name"});
  const std::string name = body.text("name");
  if (body.error()) {
    co_return *body.error();
  }
  const auto ticket = context.broker.topology().put_parameter(
      {.component = {}, .vhost = {}, .name = "cluster_name", .value = to_text(json(name))});
  const bool committed = co_await context.broker.committed(ticket);
  co_return committed ? no_content() : not_committed();
}

Response get_whoami(const Context& context) {
  return object_response(context, {{"name", context.user.name}, {"tags", context.user.tags}});
}

Response get_auth(const Context& context) {
  return object_response(context, {{"oauth_enabled", false},
                                   {"enable_uaa", false},
                                   {"uaa_client_id", ""},
                                   {"uaa_location", ""}});
}

Response get_extensions(const Context& context) {
  static_cast<void>(context);
  return json_response(json::array({json{{"javascript", "dispatcher.js"}}}));
}

/// A single node leads all of its queues already.
Response rebalance_queues(const Context& context) {
  static_cast<void>(context);
  return no_content();
}

}  // namespace lepus::management::api
