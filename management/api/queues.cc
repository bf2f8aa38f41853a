#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "amqp/methods/queue.h"
#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Row = model::QueueRow;
using Rows = std::vector<Row>;

std::string_view type_name(model::QueueType type) {
  switch (type) {
    case model::QueueType::classic:
      return "classic";
    case model::QueueType::quorum:
      return "quorum";
  }
  return {};
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json basic_json(const Context& context, const model::QueueRecord& queue, const std::string& node) {
  return {{"name", queue.name},
          {"vhost", queue.vhost},
          {"type", type_name(queue.settings.type)},
          {"node", node},
          {"state", context.stats_disabled() ? "live" : "running"},
          {"durable", queue.durable},
          {"auto_delete", queue.auto_delete},
          {"exclusive", queue.is_exclusive()},
          {"arguments", to_json(queue.arguments)}};
}

void put_sizes(json& object, const Row& row) {
  const bool durable = row.record->durable;
  const std::uint64_t count = row.ready_count + row.unacked_count;
  const std::uint64_t bytes = row.ready_bytes + row.unacked_bytes;
  const std::uint64_t paged_out =
      row.ready_count > row.count_in_memory ? row.ready_count - row.count_in_memory : 0;
  object.update({{"memory", row.memory_bytes},
                 {"message_bytes", bytes},
                 {"message_bytes_ready", row.ready_bytes},
                 {"message_bytes_unacknowledged", row.unacked_bytes},
                 {"message_bytes_ram", bytes},
                 {"message_bytes_persistent", durable ? bytes : 0},
                 {"message_bytes_paged_out", 0},
                 {"messages_ram", count - paged_out},
                 {"messages_ready_ram", row.ready_count - paged_out},
                 {"messages_unacknowledged_ram", row.unacked_count},
                 {"messages_persistent", durable ? count : 0},
                 {"messages_paged_out", paged_out}});
}

json name_or_null(const std::shared_ptr<const model::Policy>& policy) {
  return policy == nullptr ? json(nullptr) : json(policy->name());
}

void put_policies(json& object, const model::AppliedPolicies& policies) {
  object["policy"] = name_or_null(policies.policy);
  object["operator_policy"] = name_or_null(policies.operator_policy);
  object["effective_policy_definition"] = to_json(model::merged_definition(policies));
}

json queue_json(const Context& context, const Row& row, const std::string& node) {
  json object = basic_json(context, *row.record, node);
  const model::QueueId id = row.record->id;
  if (context.stats_disabled()) {
    if (context.query_is_true("enable_queue_totals")) {
      object.update({{"messages", row.ready_count + row.unacked_count},
                     {"messages_ready", row.ready_count},
                     {"messages_unacknowledged", row.unacked_count}});
    }
    return object;
  }
  put_lengths(object, row.ready_count, row.unacked_count, context.sampler.length_rates(id));
  put_rated(object, "reductions", 0, 0);
  put_sizes(object, row);
  put_policies(object, context.broker.topology().policies_of(*row.record));
  // With consumers that can take whatever comes it is 1.
  const double capacity = row.consumer_count > 0 && row.ready_count == 0 ? 1.0 : 0.0;
  object.update(
      {{"consumers", row.consumer_count},
       {"consumer_capacity", capacity},
       {"consumer_utilisation", capacity},
       {"exclusive_consumer_tag", text_or_null(row.exclusive_consumer_tag)},
       {"single_active_consumer_tag", text_or_null(row.active_consumer_tag)},
       {"head_message_timestamp", nullptr},
       {"garbage_collection", garbage_collection()},
       {"storage_version", 2},
       {"backing_queue_status", {{"mode", "default"}, {"version", 2}, {"len", row.ready_count}}}});
  if (row.record->settings.type == model::QueueType::quorum) {
    object.update({{"leader", node}, {"members", {node}}, {"online", {node}}});
  }
  json stats =
      message_stats(values_of(row.counters), context.sampler.queue_rates(id), StatsKind::queue);
  if (!stats.empty()) {
    object["message_stats"] = std::move(stats);
  }
  return object;
}

Response list_rows(const Context& context, const Rows& rows) {
  const std::string node = context.broker.node().name;
  return list_response(context,
                       list_of(
                           rows, [](const Row& row) { return std::string_view{row.record->vhost}; },
                           [](const Row& row) { return std::string_view{row.record->name}; },
                           [&](const Row& row) { return queue_json(context, row, node); }));
}

std::shared_ptr<model::QueueRecord> find_queue(const Context& context) {
  return context.broker.topology().find_queue(context.path("vhost"), context.path("queue"));
}

/// @param method  names the queue of the path; by value, for the caller's is gone at the first wait
template <typename Method>
Task<Response> execute_on_queue(const Context& context, Method method) {
  if (!find_queue(context)) {
    co_return object_not_found();
  }
  const auto opened = co_await context.broker.open_client(context.user.name, context.path("vhost"));
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const auto answer = co_await client.execute(method);
  co_return answer.error ? declare_error(*answer.error) : no_content();
}

}  // namespace

Task<Response> list_queues(const Context& context) {
  BrokerCalls::Queues queues;
  const model::Topology& topology = context.broker.topology();
  for (const std::string& vhost : visible_vhosts(topology, context.user)) {
    auto more = topology.list_queues(vhost);
    queues.insert(queues.end(), more.begin(), more.end());
  }
  const Rows rows = co_await context.broker.queue_rows(std::move(queues));
  co_return list_rows(context, rows);
}

Task<Response> list_vhost_queues(const Context& context) {
  auto queues = context.broker.topology().list_queues(context.path("vhost"));
  const Rows rows = co_await context.broker.queue_rows(std::move(queues));
  co_return list_rows(context, rows);
}

Task<Response> get_queue(const Context& context) {
  const auto queue = find_queue(context);
  if (!queue) {
    co_return object_not_found();
  }
  BrokerCalls::Queues queues{queue};
  const Rows rows = co_await context.broker.queue_rows(std::move(queues));
  if (rows.empty()) {
    co_return object_not_found();
  }
  const std::string node = context.broker.node().name;
  json object = queue_json(context, rows[0], node);
  if (context.stats_disabled()) {
    co_return object_response(context, std::move(object));
  }
  object["incoming"] = json::array();
  object["deliveries"] = json::array();
  json consumers = json::array();
  if (rows[0].consumer_count > 0) {
    const auto consumer_rows = co_await context.broker.consumer_rows();
    const bool is_single = queue->settings.single_active_consumer;
    for (const model::ConsumerRow& row : consumer_rows) {
      if (row.queue_id == queue->id) {
        const bool is_active = !is_single || row.id == rows[0].active_consumer;
        consumers.push_back(consumer_json(row, node, is_active, is_single && is_active));
      }
    }
  }
  object["consumer_details"] = std::move(consumers);
  if (queue->is_exclusive()) {
    const auto owners = co_await context.broker.connection_rows_of(queue->exclusive_owner);
    for (const model::ConnectionRow& row : owners) {
      object["owner_pid_details"] = {
          {"name", row.name}, {"peer_host", row.peer_host}, {"peer_port", row.peer_port}};
    }
  }
  co_return object_response(context, std::move(object));
}

Task<Response> put_queue(const Context& context) {
  BodyReader body{context.request.body};
  const bool durable = body.boolean("durable", false);
  const bool auto_delete = body.boolean("auto_delete", false);
  const std::string arguments = body.arguments("arguments").encode();
  const std::string node = body.text("node");
  if (!node.empty() && node != context.broker.node().name) {
    body.fail("Node " + node + " could not be contacted");
  }
  if (body.error()) {
    co_return *body.error();
  }
  const bool existed = find_queue(context) != nullptr;
  const auto opened = co_await context.broker.open_client(context.user.name, context.path("vhost"));
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  const amqp::QueueDeclare declare{.queue = context.path("queue"),
                                   .durable = durable,
                                   .auto_delete = auto_delete,
                                   .arguments = {arguments}};
  const auto answer = co_await client.execute(declare);
  if (answer.error) {
    co_return declare_error(*answer.error);
  }
  co_return existed ? no_content() : created();
}

Task<Response> delete_queue(const Context& context) {
  const amqp::QueueDelete method{.queue = context.path("queue"),
                                 .if_unused = context.query_is_true("if-unused"),
                                 .if_empty = context.query_is_true("if-empty")};
  return execute_on_queue(context, method);
}

Task<Response> purge_queue(const Context& context) {
  return execute_on_queue(context, amqp::QueuePurge{.queue = context.path("queue")});
}

Response act_on_queue(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"action"});
  const std::string action = body.text("action");
  if (body.error()) {
    return *body.error();
  }
  if (!find_queue(context)) {
    return object_not_found();
  }
  // Both are for mirrored queues, which there are none of.
  if (action == "sync" || action == "cancel_sync") {
    return no_content();
  }
  return json_error(json::array({"unknown_action", action}));
}

}  // namespace lepus::management::api
