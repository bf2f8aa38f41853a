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

/// Operator policies are seen as parameters too.
void append_operator_policies(const model::Topology& topology, Rows& rows) {
  for (const auto& policy : topology.list_policies(model::PolicyKind::by_operator, "")) {
    rows.push_back({std::string{operator_policy_component}, policy.vhost, policy.name,
                    to_text(operator_policy_parameter_json(policy)["value"])});
  }
}

/// Those of the path's vhost, or of all that the user sees.
Rows visible_rows(const Context& context, std::string_view component) {
  const auto vhosts = visible_vhosts(context.broker.topology(), context.user);
  const auto chosen = context.parameters.find("vhost");
  Rows rows = context.broker.topology().list_parameters(component);
  if (component.empty() || component == operator_policy_component) {
    append_operator_policies(context.broker.topology(), rows);
  }
  std::erase_if(rows, [&](const Row& row) {
    return row.component.empty() || std::ranges::find(vhosts, row.vhost) == vhosts.end() ||
           (chosen != context.parameters.end() && row.vhost != chosen->second);
  });
  return rows;
}

}  // namespace

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
  const auto component = context.parameters.find("component");
  const Rows rows = visible_rows(
      context, component == context.parameters.end() ? std::string_view{} : component->second);
  return list_rows(context, rows, parameter_json);
}

Response list_global_parameters(const Context& context) {
  Rows rows = context.broker.topology().list_parameters("");
  std::erase_if(rows, [](const Row& row) { return !row.component.empty(); });
  return list_rows(context, rows, global_parameter_json);
}

}  // namespace lepus::management::api
