#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "amqp/field_table.h"
#include "broker/model/topology.h"
#include "broker/model/vhost.h"

namespace lepus::model {

/// The routing keys of a message: its own, then those of the headers CC and BCC. Elements that are
/// no long strings are left out.
/// @param headers  null: none. The keys point into it.
[[nodiscard]] std::vector<std::string_view> routing_keys_of(std::string_view routing_key,
                                                            const amqp::FieldTable* headers);

/// Follows the exchange's bindings, those of exchanges that they lead to, and the alternate
/// exchange of each exchange that finds nothing. An exchange is passed once, so that cycles end;
/// each queue is in the route once, in the order of the ids. Under the topology's lock.
[[nodiscard]] Route find_route(const Vhost& vhost, std::string_view exchange,
                               const RoutingInput& input);

}  // namespace lepus::model
