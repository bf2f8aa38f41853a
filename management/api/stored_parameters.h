#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "broker/model/topology.h"

/// Runtime parameters as they are stored and shown.
namespace lepus::management::api {

inline constexpr std::string_view policy_component = "policy";
inline constexpr std::string_view operator_policy_component = "operator_policy";

/// A policy: its name and vhost beside what its value holds.
[[nodiscard]] nlohmann::json policy_json(const model::RuntimeParameter& parameter);
[[nodiscard]] nlohmann::json parameter_json(const model::RuntimeParameter& parameter);
[[nodiscard]] nlohmann::json global_parameter_json(const model::RuntimeParameter& parameter);

}  // namespace lepus::management::api
