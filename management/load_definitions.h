#pragma once

#include <string>

#include "broker/base/result.h"
#include "broker/model/topology.h"

namespace lepus::management {

/// Imports a file of definitions, or all *.json of a folder by name, as `load_definitions` asks at
/// start; what exists stays as it is. The error is one line that names the file. Returns the ticket
/// of the last change, 0 if there was none.
[[nodiscard]] Result<model::TopologyTicket> load_definitions(model::Topology& topology,
                                                             const std::string& path);

}  // namespace lepus::management
