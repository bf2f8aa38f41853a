#include "management/definitions.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/api/stored_parameters.h"
#include "management/json_values.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

bool is_predeclared(const model::Exchange& exchange) {
  return exchange.is_default() || exchange.name().starts_with("amq.");
}

json exported_exchanges(const model::Topology& topology, const std::string& vhost) {
  json list = json::array();
  for (const auto& exchange : topology.list_exchanges(vhost)) {
    if (!is_predeclared(*exchange)) {
      list.push_back({{"name", exchange->name()},
                      {"vhost", vhost},
                      {"type", model::name_of(exchange->type())},
                      {"durable", exchange->is_durable()},
                      {"auto_delete", exchange->is_auto_delete()},
                      {"internal", exchange->is_internal()},
                      {"arguments", to_json(exchange->arguments())}});
    }
  }
  return list;
}

json exported_queues(const model::Topology& topology, const std::string& vhost) {
  json list = json::array();
  for (const auto& queue : topology.list_queues(vhost)) {
    if (!queue->is_exclusive()) {
      list.push_back({{"name", queue->name},
                      {"vhost", vhost},
                      {"durable", queue->durable},
                      {"auto_delete", queue->auto_delete},
                      {"arguments", to_json(queue->arguments)}});
    }
  }
  return list;
}

json exported_bindings(const model::Topology& topology, const std::string& vhost) {
  json list = json::array();
  for (const auto& binding : topology.list_bindings(vhost)) {
    const bool to_queue = binding.destination_type == model::BindingDestination::queue;
    const auto queue = to_queue ? topology.find_queue(vhost, binding.destination) : nullptr;
    if (!binding.source.empty() && !(queue && queue->is_exclusive())) {
      list.push_back({{"source", binding.source},
                      {"vhost", vhost},
                      {"destination", binding.destination},
                      {"destination_type", to_queue ? "queue" : "exchange"},
                      {"routing_key", binding.routing_key},
                      {"arguments", to_json(binding.arguments)}});
    }
  }
  return list;
}

void append(json& list, json more) {
  for (json& element : more) {
    list.push_back(std::move(element));
  }
}

/// Policies, limits and other parameters, of one vhost or of all.
void put_parameters(json& definitions, const model::Topology& topology,
                    const std::optional<std::string>& vhost) {
  json parameters = json::array();
  json policies = json::array();
  for (const auto& parameter : list_vhost_parameters(topology)) {
    if (!vhost || parameter.vhost == *vhost) {
      parameters.push_back(parameter_json(parameter));
    }
  }
  for (const auto& policy :
       topology.list_policies(model::PolicyKind::ordinary, vhost.value_or(""))) {
    policies.push_back(policy_json(policy));
  }
  definitions["parameters"] = std::move(parameters);
  definitions["policies"] = std::move(policies);
}

json vhost_definition(const model::VhostDescription& vhost) {
  json metadata{{"description", vhost.description}, {"tags", vhost.tags}};
  json definition{{"name", vhost.name}, {"description", vhost.description}, {"tags", vhost.tags}};
  if (!vhost.default_queue_type.empty()) {
    definition["default_queue_type"] = vhost.default_queue_type;
    metadata["default_queue_type"] = vhost.default_queue_type;
  }
  definition["metadata"] = std::move(metadata);
  return definition;
}

void put_users(json& definitions, const model::Topology& topology) {
  json users = json::array();
  for (const model::User& user : topology.list_users()) {
    users.push_back(user_json(user));
  }
  json permissions = json::array();
  for (const auto& each : topology.list_permissions()) {
    permissions.push_back(permissions_json(each));
  }
  json topic_permissions = json::array();
  for (const auto& each : topology.list_topic_permissions()) {
    topic_permissions.push_back(topic_permissions_json(each));
  }
  definitions["users"] = std::move(users);
  definitions["permissions"] = std::move(permissions);
  definitions["topic_permissions"] = std::move(topic_permissions);
}

Response download(const Context& context, const json& definitions) {
  Response response = json_response(definitions);
  if (const auto file = context.query("download")) {
    std::string name{*file};
    // Not to end the header, or begin another one.
    std::erase_if(name, [](char letter) { return static_cast<unsigned char>(letter) < ' '; });
    response.headers.emplace_back("content-disposition", "attachment; filename=" + name);
  }
  return response;
}

}  // namespace

Response get_definitions(const Context& context) {
  return download(context, export_definitions(context.broker.topology(), cluster_name(context)));
}

Response get_vhost_definitions(const Context& context) {
  const model::Topology& topology = context.broker.topology();
  const std::string& vhost = context.path("vhost");
  if (!topology.find_vhost(vhost)) {
    return bad_request("vhost_not_found");
  }
  json definitions{{"rabbit_version", rabbitmq_version},
                   {"exchanges", exported_exchanges(topology, vhost)},
                   {"queues", exported_queues(topology, vhost)},
                   {"bindings", exported_bindings(topology, vhost)}};
  for (const char* noun : {"exchanges", "queues", "bindings"}) {
    for (json& entry : definitions[noun]) {
      entry.erase("vhost");
    }
  }
  put_parameters(definitions, topology, vhost);
  return download(context, definitions);
}

}  // namespace lepus::management::api

namespace lepus::management {

nlohmann::json export_definitions(const model::Topology& topology,
                                  const std::string& cluster_name) {
  using namespace api;
  json definitions{{"rabbit_version", rabbitmq_version},
                   {"rabbitmq_version", rabbitmq_version},
                   {"product_name", "RabbitMQ"},
                   {"product_version", rabbitmq_version},
                   {"vhosts", json::array()},
                   {"exchanges", json::array()},
                   {"queues", json::array()},
                   {"bindings", json::array()}};
  for (const model::VhostDescription& vhost : topology.list_vhosts()) {
    definitions["vhosts"].push_back(vhost_definition(vhost));
    append(definitions["exchanges"], exported_exchanges(topology, vhost.name));
    append(definitions["queues"], exported_queues(topology, vhost.name));
    append(definitions["bindings"], exported_bindings(topology, vhost.name));
  }
  put_users(definitions, topology);
  put_parameters(definitions, topology, std::nullopt);
  json globals = json::array({json{{"name", "cluster_name"}, {"value", cluster_name}}});
  for (const auto& parameter : topology.list_parameters("")) {
    if (parameter.component.empty() && parameter.name != "cluster_name") {
      globals.push_back(global_parameter_json(parameter));
    }
  }
  definitions["global_parameters"] = std::move(globals);
  return definitions;
}

}  // namespace lepus::management
