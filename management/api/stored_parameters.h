#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "broker/model/policy.h"
#include "broker/model/topology.h"

/// Policies and runtime parameters as they are shown and put.
namespace lepus::management::api {

inline constexpr std::string_view policy_component = "policy";
inline constexpr std::string_view operator_policy_component = "operator_policy";

[[nodiscard]] nlohmann::json policy_json(const model::PolicyDescription& policy);
/// An operator policy as the runtime parameter that it is in definitions.
[[nodiscard]] nlohmann::json operator_policy_parameter_json(const model::PolicyDescription& policy);
/// Checks an object with pattern, definition, and if wanted apply-to and priority; the error is
/// RabbitMQ's, of several lines.
[[nodiscard]] Result<model::PolicyDescription> read_policy(model::PolicyKind kind,
                                                           const std::string& vhost,
                                                           const std::string& name,
                                                           const nlohmann::json& value);
[[nodiscard]] nlohmann::json parameter_json(const model::RuntimeParameter& parameter);
[[nodiscard]] nlohmann::json global_parameter_json(const model::RuntimeParameter& parameter);

}  // namespace lepus::management::api
