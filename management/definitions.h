#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "broker/model/topology.h"

namespace lepus::management {

/// Everything of a topology in the form of RabbitMQ's definitions: vhosts, users, permissions,
/// parameters, policies, exchanges, queues and bindings, without what is exclusive or predeclared.
[[nodiscard]] nlohmann::json export_definitions(const model::Topology& topology,
                                                const std::string& cluster_name);

/// Makes what the definitions name and is not there yet, in the name of this user; stops at the
/// first mistake, whose JSON is the error. Returns the ticket of the last change.
[[nodiscard]] Result<model::TopologyTicket> import_definitions(model::Topology& topology,
                                                               const std::string& user,
                                                               const nlohmann::json& definitions);

}  // namespace lepus::management
