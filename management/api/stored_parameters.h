#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "broker/model/policy.h"
#include "broker/model/topology.h"

/// Policies and runtime parameters as they are shown and put.
namespace lepus::management::api {

inline constexpr std::string_view policy_component = "policy";
inline constexpr std::string_view operator_policy_component = "operator_policy";
inline constexpr std::string_view vhost_limits_component = "vhost-limits";

/// All runtime parameters of vhosts: the stored ones, operator policies and limits of vhosts.
[[nodiscard]] std::vector<model::RuntimeParameter> list_vhost_parameters(
    const model::Topology& topology);
/// The value of an operator policy as a parameter.
[[nodiscard]] nlohmann::json operator_policy_value(const model::PolicyDescription& policy);
/// Puts {"max-connections": 5} and the like in place of the vhost's limits. The error is
/// RabbitMQ's, of several lines; nothing is changed then.
[[nodiscard]] Result<void> set_vhost_limits(const nlohmann::json& limits,
                                            model::VhostDescription& vhost);

[[nodiscard]] nlohmann::json policy_json(const model::PolicyDescription& policy);
/// Checks an object with pattern, definition, and if wanted apply-to and priority; the error is
/// RabbitMQ's, of several lines.
[[nodiscard]] Result<model::PolicyDescription> read_policy(model::PolicyKind kind,
                                                           const std::string& vhost,
                                                           const std::string& name,
                                                           const nlohmann::json& value);
[[nodiscard]] nlohmann::json parameter_json(const model::RuntimeParameter& parameter);
[[nodiscard]] nlohmann::json global_parameter_json(const model::RuntimeParameter& parameter);

}  // namespace lepus::management::api
