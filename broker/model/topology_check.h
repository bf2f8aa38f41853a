#pragma once

#include <string>
#include <vector>

#include "broker/model/topology.h"

namespace lepus::model {

/// For the repair of a store: the keys of the records that Topology::load can't load, because they
/// are damaged or what they belong to is not there. The topology must be new, and is of no other
/// use afterwards. Nothing is written.
[[nodiscard]] std::vector<std::string> unloadable_records(Topology& topology,
                                                          const storage::Recovered& recovered);

}  // namespace lepus::model
