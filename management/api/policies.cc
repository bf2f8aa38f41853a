#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/model/policy_check.h"
#include "management/api/handlers.h"
#include "management/api/stored_parameters.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using model::PolicyKind;
using nlohmann::json;

namespace {

using Rows = std::vector<model::PolicyDescription>;

/// 3 rather than 3.0.
json number_json(double number) {
  const double limit = 1e15;
  const bool is_whole = std::abs(number) < limit && number == std::trunc(number);
  return is_whole ? json(static_cast<std::int64_t>(number)) : json(number);
}

/// An object as a table in which null stays null, so that it can be complained of by value.
Result<amqp::FieldTable> to_table_with_nulls(const json& object) {
  amqp::FieldTable table;
  for (const auto& [name, value] : object.items()) {
    // One field at a time, since only the outermost may be null.
    auto field = to_field_table({{name, value.is_null() ? json(0) : value}});
    if (!field) {
      return field.error();
    }
    table.set(name, value.is_null() ? amqp::FieldValue{amqp::Void{}} : field->fields()[0].value);
  }
  return table;
}

std::optional<model::PolicyDescription> find_policy(const Context& context, PolicyKind kind) {
  return context.broker.topology().find_policy(kind, context.path("vhost"), context.path("policy"));
}

Response list_kind(const Context& context, PolicyKind kind) {
  const auto chosen = context.parameters.find("vhost");
  const auto vhosts = visible_vhosts(context.broker.topology(), context.user);
  Rows rows = context.broker.topology().list_policies(
      kind, chosen == context.parameters.end() ? std::string_view{} : chosen->second);
  std::erase_if(rows, [&](const auto& row) {
    return chosen == context.parameters.end() &&
           std::ranges::find(vhosts, row.vhost) == vhosts.end();
  });
  return list_response(context,
                       list_of(
                           rows, [](const auto& row) { return std::string_view{row.vhost}; },
                           [](const auto& row) { return std::string_view{row.name}; },
                           [](const auto& row) { return policy_json(row); }, false));
}

Response get_kind(const Context& context, PolicyKind kind) {
  const auto policy = find_policy(context, kind);
  return policy ? object_response(context, policy_json(*policy)) : object_not_found();
}

Task<Response> put_kind(const Context& context, PolicyKind kind) {
  if (!context.broker.topology().find_vhost(context.path("vhost"))) {
    co_return not_found("vhost_not_found");
  }
  BodyReader body{context.request.body};
  body.require({"pattern", "definition"});
  if (body.error()) {
    co_return *body.error();
  }
  auto policy = read_policy(kind, context.path("vhost"), context.path("policy"), body.object());
  if (!policy) {
    co_return bad_request(policy.error().text);
  }
  const bool existed = find_policy(context, kind).has_value();
  const auto ticket = context.broker.topology().put_policy(*std::move(policy));
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  const bool committed = co_await context.broker.committed(*ticket);
  co_return !committed ? not_committed() : existed ? no_content() : created();
}

Task<Response> delete_kind(const Context& context, PolicyKind kind) {
  const model::TopologyTicket ticket =
      context.broker.topology().delete_policy(kind, context.path("vhost"), context.path("policy"));
  if (ticket == 0) {
    co_return object_not_found();
  }
  const bool committed = co_await context.broker.committed(ticket);
  co_return committed ? no_content() : not_committed();
}

}  // namespace

json policy_json(const model::PolicyDescription& policy) {
  return {{"vhost", policy.vhost},
          {"name", policy.name},
          {"pattern", policy.pattern},
          {"apply-to", model::name_of(policy.apply_to)},
          {"definition", to_json(policy.definition)},
          {"priority", number_json(policy.priority)}};
}

json operator_policy_value(const model::PolicyDescription& policy) {
  json value = policy_json(policy);
  value.erase("vhost");
  value.erase("name");
  return value;
}

Result<model::PolicyDescription> read_policy(PolicyKind kind, const std::string& vhost,
                                             const std::string& name, const json& value) {
  json fields = json::object();
  for (const char* key : {"pattern", "apply-to", "priority"}) {
    if (value.contains(key)) {
      fields[key] = value[key];
    }
  }
  auto table = to_table_with_nulls(fields);
  if (!table) {
    return table.error();
  }
  const auto definition = value.find("definition");
  if (definition != value.end()) {
    // What is no object is only to be printed.
    auto settings =
        to_table_with_nulls(definition->is_object() ? *definition : json{{"", *definition}});
    if (!settings) {
      return settings.error();
    }
    table->set("definition", definition->is_object() ? amqp::FieldValue{*std::move(settings)}
                                                     : settings->fields()[0].value);
  }
  return model::check_policy(kind, vhost, name, *table);
}

Response list_policies(const Context& context) {
  return list_kind(context, PolicyKind::ordinary);
}

Response get_policy(const Context& context) {
  return get_kind(context, PolicyKind::ordinary);
}

Task<Response> put_policy(const Context& context) {
  return put_kind(context, PolicyKind::ordinary);
}

Task<Response> delete_policy(const Context& context) {
  return delete_kind(context, PolicyKind::ordinary);
}

Response list_operator_policies(const Context& context) {
  return list_kind(context, PolicyKind::by_operator);
}

Response get_operator_policy(const Context& context) {
  return get_kind(context, PolicyKind::by_operator);
}

Task<Response> put_operator_policy(const Context& context) {
  return put_kind(context, PolicyKind::by_operator);
}

Task<Response> delete_operator_policy(const Context& context) {
  return delete_kind(context, PolicyKind::by_operator);
}

}  // namespace lepus::management::api
