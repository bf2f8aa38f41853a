#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/api/stored_parameters.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Row = model::RuntimeParameter;
using Rows = std::vector<Row>;

template <typename Make>
Response list_rows(const Context& context, const Rows& rows, Make make) {
  return list_response(context,
                       list_of(
                           rows, [](const Row& row) { return std::string_view{row.vhost}; },
                           [](const Row& row) { return std::string_view{row.name}; }, make, false));
}

/// Those of the path's vhost, or of all that the user sees.
Rows visible_rows(const Context& context) {
  const auto vhosts = visible_vhosts(context.broker.topology(), context.user);
  const auto component = context.parameters.find("component");
  const auto vhost = context.parameters.find("vhost");
  Rows rows = list_vhost_parameters(context.broker.topology());
  std::erase_if(rows, [&](const Row& row) {
    return std::ranges::find(vhosts, row.vhost) == vhosts.end() ||
           (component != context.parameters.end() && row.component != component->second) ||
           (vhost != context.parameters.end() && row.vhost != vhost->second);
  });
  return rows;
}

std::optional<Row> find_parameter(const Context& context) {
  for (Row& row : visible_rows(context)) {
    if (row.name == context.path("name")) {
      return std::move(row);
    }
  }
  return std::nullopt;
}

/// The stored ones, and the cluster's name even if nobody has set it.
Rows list_globals(const Context& context) {
  Rows rows = context.broker.topology().list_parameters("");
  std::erase_if(rows, [](const Row& row) { return !row.component.empty(); });
  if (std::ranges::find(rows, "cluster_name", &Row::name) == rows.end()) {
    rows.push_back({.component = {},
                    .vhost = {},
                    .name = "cluster_name",
                    .value = to_text(json(cluster_name(context)))});
  }
  return rows;
}

std::optional<Row> find_global(const Context& context) {
  for (Row& row : list_globals(context)) {
    if (row.name == context.path("name")) {
      return std::move(row);
    }
  }
  return std::nullopt;
}

Result<model::TopologyTicket> put_limits(model::Topology& topology, const std::string& vhost,
                                         const json& value) {
  auto description = topology.find_vhost(vhost);
  if (const auto set = set_vhost_limits(value, *description); !set) {
    return set.error();
  }
  return topology.put_vhost(*std::move(description));
}

Result<model::TopologyTicket> put_operator_policy_value(const Context& context, const json& value) {
  if (!value.is_object()) {
    return fail("not_json");
  }
  auto policy = read_policy(model::PolicyKind::by_operator, context.path("vhost"),
                            context.path("name"), value);
  if (!policy) {
    return policy.error();
  }
  return context.broker.topology().put_policy(*std::move(policy));
}

/// What has no component of ours can only be imported with definitions.
Result<model::TopologyTicket> put_value(const Context& context, const json& value) {
  const std::string& component = context.path("component");
  if (component == vhost_limits_component) {
    return put_limits(context.broker.topology(), context.path("vhost"), value);
  }
  if (component == operator_policy_component) {
    return put_operator_policy_value(context, value);
  }
  return fail(component == policy_component
                  ? "policies may not be set using this method"
                  : fmt::format("Validation failed\n\ncomponent {} not found\n", component));
}

Result<model::TopologyTicket> delete_value(const Context& context) {
  model::Topology& topology = context.broker.topology();
  const std::string& component = context.path("component");
  const std::string& vhost = context.path("vhost");
  if (component == vhost_limits_component) {
    return put_limits(topology, vhost, json::object());
  }
  if (component == operator_policy_component) {
    return topology.delete_policy(model::PolicyKind::by_operator, vhost, context.path("name"));
  }
  return topology.delete_parameter(component, vhost, context.path("name"));
}

}  // namespace

Rows list_vhost_parameters(const model::Topology& topology) {
  Rows rows = topology.list_parameters("");
  std::erase_if(rows, [](const Row& row) { return row.component.empty(); });
  for (const auto& policy : topology.list_policies(model::PolicyKind::by_operator, "")) {
    rows.push_back({std::string{operator_policy_component}, policy.vhost, policy.name,
                    to_text(operator_policy_value(policy))});
  }
  for (const auto& vhost : topology.list_vhosts()) {
    if (const json limits = vhost_limits_json(vhost); !limits.empty()) {
      rows.push_back({std::string{vhost_limits_component}, vhost.name, "limits", to_text(limits)});
    }
  }
  return rows;
}

json parameter_json(const Row& row) {
  return {{"component", row.component},
          {"vhost", row.vhost},
          {"name", row.name},
          {"value", parse_json(row.value)}};
}

json global_parameter_json(const Row& row) {
  return {{"name", row.name}, {"value", parse_json(row.value)}};
}

Response list_parameters(const Context& context) {
  return list_rows(context, visible_rows(context), parameter_json);
}

Response get_parameter(const Context& context) {
  const auto row = find_parameter(context);
  return row ? object_response(context, parameter_json(*row)) : object_not_found();
}

Task<Response> put_parameter(const Context& context) {
  if (!context.broker.topology().find_vhost(context.path("vhost"))) {
    co_return not_found("vhost_not_found");
  }
  BodyReader body{context.request.body};
  body.require({"value"});
  if (body.error()) {
    co_return *body.error();
  }
  const bool existed = find_parameter(context).has_value();
  const auto ticket = put_value(context, body.object()["value"]);
  if (!ticket) {
    co_return bad_request(ticket.error().text);
  }
  const bool committed = co_await context.broker.committed(*ticket);
  co_return !committed ? not_committed() : existed ? no_content() : created();
}

Task<Response> delete_parameter(const Context& context) {
  if (!find_parameter(context)) {
    co_return object_not_found();
  }
  const auto ticket = delete_value(context);
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  const bool committed = co_await context.broker.committed(*ticket);
  co_return committed ? no_content() : not_committed();
}

Response list_global_parameters(const Context& context) {
  return list_rows(context, list_globals(context), global_parameter_json);
}

Response get_global_parameter(const Context& context) {
  const auto row = find_global(context);
  return row ? object_response(context, global_parameter_json(*row)) : object_not_found();
}

Task<Response> put_global_parameter(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"value"});
  if (body.error()) {
    co_return *body.error();
  }
  const bool existed = find_global(context).has_value();
  const auto ticket = context.broker.topology().put_parameter(
      {.name = context.path("name"), .value = to_text(body.object()["value"])});
  const bool committed = co_await context.broker.committed(ticket);
  co_return !committed ? not_committed() : existed ? no_content() : created();
}

Task<Response> delete_global_parameter(const Context& context) {
  const auto ticket = context.broker.topology().delete_parameter("", "", context.path("name"));
  if (ticket == 0) {
    co_return object_not_found();
  }
  const bool committed = co_await context.broker.committed(ticket);
  co_return committed ? no_content() : not_committed();
}

}  // namespace lepus::management::api
