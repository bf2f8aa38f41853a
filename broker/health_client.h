#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "broker/configuration.h"

namespace lepus {

/// Whether the program was started under the name of one of RabbitMQ's tools that Lepus answers
/// for: `rabbitmqctl`, `rabbitmq-diagnostics` (a folder before it does not matter).
[[nodiscard]] bool is_rabbitmq_tool(const std::string& program);

/// Does what `rabbitmq-diagnostics` or `rabbitmqctl` would with `arguments` (without the program's
/// name), for the node that `configuration` describes: `ping`, `check_running`,
/// `check_port_connectivity`, `await_startup`, `status`, `listeners`, `server_version`, `version`,
/// with `-q`, `-s`, `-t SECONDS`, `-n NODE`. Asks over the node's own ports and needs no
/// credentials; blocks up to the time limit. Returns the exit code: 0 well, 1 not well, 64 an
/// unknown command or option.
[[nodiscard]] int run_rabbitmq_tool(const std::vector<std::string>& arguments,
                                    const Configuration& configuration, std::ostream& out,
                                    std::ostream& error);

}  // namespace lepus
