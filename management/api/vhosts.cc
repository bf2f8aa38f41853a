#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Row = model::VhostDescription;
using Rows = std::vector<Row>;

struct Lengths {
  std::uint64_t ready = 0;
  std::uint64_t unacked = 0;
};

using LengthsByVhost = std::unordered_map<std::string, Lengths>;

LengthsByVhost sum_up(const std::vector<model::QueueRow>& queues) {
  LengthsByVhost sums;
  for (const model::QueueRow& queue : queues) {
    Lengths& lengths = sums[queue.record->vhost];
    lengths.ready += queue.ready_count;
    lengths.unacked += queue.unacked_count;
  }
  return sums;
}

json vhost_json(const Context& context, const Row& vhost, const LengthsByVhost& lengths) {
  json metadata{{"description", vhost.description}, {"tags", vhost.tags}};
  if (!vhost.default_queue_type.empty()) {
    metadata["default_queue_type"] = vhost.default_queue_type;
  }
  json object{{"name", vhost.name},
              {"description", vhost.description},
              {"tags", vhost.tags},
              {"default_queue_type",
               vhost.default_queue_type.empty() ? "undefined" : vhost.default_queue_type},
              {"metadata", metadata},
              {"tracing", vhost.tracing},
              {"cluster_state", {{context.broker.node().name, "running"}}}};
  if (const auto found = lengths.find(vhost.name); found != lengths.end()) {
    put_lengths(object, found->second.ready, found->second.unacked, {});
  }
  return object;
}

/// Waits for a change of the topology.
Task<Response> when_committed(const Context& context, model::TopologyTicket ticket,
                              Response success) {
  const bool committed = co_await context.broker.committed(ticket);
  co_return committed ? success : not_committed();
}

}  // namespace

Task<Response> list_vhosts(const Context& context) {
  Rows rows;
  BrokerCalls::Queues queues;
  const model::Topology& topology = context.broker.topology();
  for (const std::string& name : visible_vhosts(topology, context.user)) {
    if (auto vhost = topology.find_vhost(name)) {
      rows.push_back(*std::move(vhost));
      auto more = topology.list_queues(name);
      queues.insert(queues.end(), more.begin(), more.end());
    }
  }
  LengthsByVhost lengths;
  if (!context.stats_disabled()) {
    const auto queue_rows = co_await context.broker.queue_rows(std::move(queues));
    lengths = sum_up(queue_rows);
  }
  co_return list_response(context,
                          list_of(
                              rows, [](const Row&) { return std::string_view{}; },
                              [](const Row& row) { return std::string_view{row.name}; },
                              [&](const Row& row) { return vhost_json(context, row, lengths); }));
}

Task<Response> get_vhost(const Context& context) {
  const auto vhost = context.broker.topology().find_vhost(context.path("vhost"));
  if (!vhost) {
    co_return object_not_found();
  }
  auto queues = context.broker.topology().list_queues(vhost->name);
  const auto queue_rows = co_await context.broker.queue_rows(std::move(queues));
  co_return object_response(context, vhost_json(context, *vhost, sum_up(queue_rows)));
}

Task<Response> put_vhost(const Context& context) {
  BodyReader body{context.request.body};
  Row vhost;
  vhost.name = context.path("vhost");
  vhost.description = body.text("description");
  vhost.tags = body.words("tags");
  vhost.default_queue_type =
      body.text(body.has("default_queue_type") ? "default_queue_type" : "defaultqueuetype");
  if (vhost.default_queue_type == "undefined") {
    vhost.default_queue_type.clear();
  }
  model::Topology& topology = context.broker.topology();
  const auto existing = topology.find_vhost(vhost.name);
  if (existing) {
    vhost.max_connections = existing->max_connections;
    vhost.max_queues = existing->max_queues;
    if (!body.has("default_queue_type") && !body.has("defaultqueuetype")) {
      vhost.default_queue_type = existing->default_queue_type;
    }
  }
  vhost.tracing = body.boolean("tracing", existing && existing->tracing);
  if (!body.error() && !is_default_queue_type(vhost.default_queue_type)) {
    body.fail("Unsupported default queue type '" + vhost.default_queue_type + "'");
  }
  if (body.error()) {
    co_return *body.error();
  }
  const std::string name = vhost.name;
  auto ticket = topology.put_vhost(std::move(vhost));
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  if (!existing) {
    ticket = topology.put_permissions({context.user.name, name, ".*", ".*", ".*"});
    if (!ticket) {
      co_return topology_error(ticket.error());
    }
  }
  Task<Response> answering = when_committed(context, *ticket, existing ? no_content() : created());
  co_return co_await answering;
}

Task<Response> delete_vhost(const Context& context) {
  const std::string name = context.path("vhost");
  auto deleted = context.broker.topology().delete_vhost(name);
  if (!deleted) {
    co_return object_not_found();
  }
  model::BrokerAccess& access = context.broker.access();
  access.drop_queues(std::move(deleted->queues));
  const auto connections = co_await context.broker.connection_rows();
  for (const model::ConnectionRow& connection : connections) {
    if (connection.vhost == name) {
      access.close_connection(connection.id, "vhost '" + name + "' is down");
    }
  }
  Task<Response> answering = when_committed(context, deleted->ticket, no_content());
  co_return co_await answering;
}

Response start_vhost(const Context& context) {
  const bool is_here = context.path("node") == context.broker.node().name &&
                       context.broker.topology().find_vhost(context.path("vhost"));
  return is_here ? no_content() : object_not_found();
}

}  // namespace lepus::management::api
