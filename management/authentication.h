#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/model/topology.h"
#include "broker/model/user.h"
#include "management/response.h"

namespace lepus::management {

/// What a route asks of the user who calls it.
enum class Right {
  none,         ///< not even a login
  management,   ///< any user of management
  vhost,        ///< … who has permissions in the path's vhost, or is an administrator
  monitoring,   ///< monitoring or administrator
  policymaker,  ///< policymaker or administrator
  administrator,
};

/// The header's value for 401 answers that ask for a login.
inline constexpr std::string_view basic_challenge = "Basic realm=\"RabbitMQ Management\"";

/// Logs in by the header Authorization, or says with which answer the request ends.
[[nodiscard]] Result<model::User, Response> authenticate(const model::Topology& topology,
                                                         std::string_view authorization,
                                                         bool from_loopback);

/// The answer that refuses the user, or nothing. `vhost` is the path's, if it has one and it
/// exists.
[[nodiscard]] std::optional<Response> check_right(const model::Topology& topology,
                                                  const model::User& user, Right right,
                                                  const std::optional<std::string>& vhost);

[[nodiscard]] bool is_administrator(const model::User& user);
/// Sees what belongs to other users as well: monitoring or administrator.
[[nodiscard]] bool is_monitor(const model::User& user);

/// The vhosts that the user's lists show: those with permissions, for administrators all; by name.
[[nodiscard]] std::vector<std::string> visible_vhosts(const model::Topology& topology,
                                                      const model::User& user);

[[noreturn]] void throw_exception_from_error(const Response& response,
                                             const boost::source_location& location);

}  // namespace lepus::management
