#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/stored_parameters.h"
#include "management/authentication.h"
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
Rows visible_rows(const Context& context, std::string_view component) {
  const auto vhosts = visible_vhosts(context.broker.topology(), context.user);
  const auto chosen = context.parameters.find("vhost");
  Rows rows = context.broker.topology().list_parameters(component);
  std::erase_if(rows, [&](const Row& row) {
    return row.component.empty() || std::ranges::find(vhosts, row.vhost) == vhosts.end() ||
           (chosen != context.parameters.end() && row.vhost != chosen->second);
  });
  return rows;
}

}  // namespace

json policy_json(const Row& row) {
  json object{{"vhost", row.vhost}, {"name", row.name}};
  const json value = parse_json(row.value);
  if (value.is_object()) {
    object.update(value);
  }
  return object;
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

Response list_policies(const Context& context) {
  const Rows rows = visible_rows(context, policy_component);
  return list_rows(context, rows, policy_json);
}

Response list_operator_policies(const Context& context) {
  const Rows rows = visible_rows(context, operator_policy_component);
  return list_rows(context, rows, policy_json);
}

Response list_parameters(const Context& context) {
  const auto component = context.parameters.find("component");
  Rows rows = visible_rows(
      context, component == context.parameters.end() ? std::string_view{} : component->second);
  std::erase_if(rows, [](const Row& row) { return row.component == policy_component; });
  return list_rows(context, rows, parameter_json);
}

Response list_global_parameters(const Context& context) {
  Rows rows = context.broker.topology().list_parameters("");
  std::erase_if(rows, [](const Row& row) { return !row.component.empty(); });
  return list_rows(context, rows, global_parameter_json);
}

}  // namespace lepus::management::api
