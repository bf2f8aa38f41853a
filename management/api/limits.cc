#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/api/stored_parameters.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Limit = std::optional<std::int64_t>;

Limit* find_limit(model::VhostDescription& vhost, std::string_view name) {
  return name == "max-connections" ? &vhost.max_connections
         : name == "max-queues"    ? &vhost.max_queues
                                   : nullptr;
}

Limit* find_limit(model::User& user, std::string_view name) {
  return name == "max-connections" ? &user.limits.max_connections
         : name == "max-channels"  ? &user.limits.max_channels
                                   : nullptr;
}

/// The value of a PUT as an Erlang term, for the texts.
std::string term_of(const json& value) {
  return value.is_string() ? "<<\"" + value.get<std::string>() + "\">>" : to_text(value);
}

/// Puts the value into the limit of that name; null: there is none.
Result<void> set_limit(Limit* limit, std::string_view name, const json& value) {
  if (limit == nullptr) {
    return fail(
        fmt::format("Validation failed\n\nUnrecognised terms [{{<<\"{}\">>,{}}}] in limits\n", name,
                    term_of(value)));
  }
  if (!value.is_number_integer()) {
    return fail(fmt::format("Validation failed\n\n{} should be a number, actually was {}\n", name,
                            term_of(value)));
  }
  *limit = value.get<std::int64_t>();
  return {};
}

/// Reads {"value": integer} into the limit, or says what is wrong.
std::optional<Response> read_limit(const Context& context, Limit* limit) {
  BodyReader body{context.request.body};
  body.require({"value"});
  if (body.error()) {
    return body.error();
  }
  const auto set = set_limit(limit, context.path("limit"), body.object()["value"]);
  return set ? std::nullopt : std::optional{bad_request(set.error().text)};
}

Task<Response> when_committed(const Context& context, Result<model::TopologyTicket> ticket) {
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  const bool committed = co_await context.broker.committed(*ticket);
  co_return committed ? no_content() : not_committed();
}

Response list_limits(const Context& context,
                     const std::vector<std::pair<std::string, json>>& limits, const char* key) {
  return list_response(context, list_of(
                                    limits, [](const auto&) { return std::string_view{}; },
                                    [](const auto& row) { return std::string_view{row.first}; },
                                    [key](const auto& row) {
                                      return json{{key, row.first}, {"value", row.second}};
                                    },
                                    false));
}

}  // namespace

Result<void> set_vhost_limits(const json& limits, model::VhostDescription& vhost) {
  if (!limits.is_object()) {
    return fail("Validation failed\n\nlimits should be an object\n");
  }
  model::VhostDescription changed = vhost;
  changed.max_connections.reset();
  changed.max_queues.reset();
  for (const auto& [name, value] : limits.items()) {
    if (auto set = set_limit(find_limit(changed, name), name, value); !set) {
      return set.error();
    }
  }
  vhost = std::move(changed);
  return {};
}

Response list_vhost_limits(const Context& context) {
  std::vector<std::pair<std::string, json>> limits;
  for (const std::string& name : visible_vhosts(context.broker.topology(), context.user)) {
    const auto vhost = context.broker.topology().find_vhost(name);
    if (json values = vhost ? vhost_limits_json(*vhost) : json::object(); !values.empty()) {
      limits.emplace_back(name, std::move(values));
    }
  }
  return list_limits(context, limits, "vhost");
}

Response get_vhost_limits(const Context& context) {
  const std::string& name = context.path("vhost");
  const auto vhost = context.broker.topology().find_vhost(name);
  if (!vhost) {
    return object_not_found();
  }
  if (auto refused = check_right(context.broker.topology(), context.user, Right::vhost, name);
      refused && !is_monitor(context.user)) {
    return *std::move(refused);
  }
  std::vector<std::pair<std::string, json>> limits;
  if (json values = vhost_limits_json(*vhost); !values.empty()) {
    limits.emplace_back(name, std::move(values));
  }
  return list_limits(context, limits, "vhost");
}

Task<Response> put_vhost_limit(const Context& context) {
  auto vhost = context.broker.topology().find_vhost(context.path("vhost"));
  if (!vhost) {
    co_return not_found("vhost_not_found");
  }
  if (auto error = read_limit(context, find_limit(*vhost, context.path("limit")))) {
    co_return *std::move(error);
  }
  const auto ticket = context.broker.topology().put_vhost(*std::move(vhost));
  Task<Response> answering = when_committed(context, ticket);
  co_return co_await answering;
}

Task<Response> delete_vhost_limit(const Context& context) {
  auto vhost = context.broker.topology().find_vhost(context.path("vhost"));
  if (!vhost) {
    co_return object_not_found();
  }
  if (Limit* limit = find_limit(*vhost, context.path("limit"))) {
    limit->reset();
  }
  const auto ticket = context.broker.topology().put_vhost(*std::move(vhost));
  Task<Response> answering = when_committed(context, ticket);
  co_return co_await answering;
}

Response list_user_limits(const Context& context) {
  std::vector<std::pair<std::string, json>> limits;
  for (const model::User& user : context.broker.topology().list_users()) {
    if (is_monitor(context.user) || user.name == context.user.name) {
      if (json values = user_limits_json(user); !values.empty()) {
        limits.emplace_back(user.name, std::move(values));
      }
    }
  }
  return list_limits(context, limits, "user");
}

Response get_user_limits(const Context& context) {
  const auto user = context.broker.topology().find_user(context.path("user"));
  if (!user) {
    return object_not_found();
  }
  if (!is_monitor(context.user) && user->name != context.user.name) {
    return not_authorised("User not authorised to access object");
  }
  std::vector<std::pair<std::string, json>> limits;
  if (json values = user_limits_json(*user); !values.empty()) {
    limits.emplace_back(user->name, std::move(values));
  }
  return list_limits(context, limits, "user");
}

Task<Response> put_user_limit(const Context& context) {
  auto user = context.broker.topology().find_user(context.path("user"));
  if (!user) {
    co_return json_error(json::array({"no_such_user", context.path("user")}));
  }
  if (auto error = read_limit(context, find_limit(*user, context.path("limit")))) {
    co_return *std::move(error);
  }
  const auto ticket = context.broker.topology().put_user(*std::move(user));
  Task<Response> answering = when_committed(context, ticket);
  co_return co_await answering;
}

Task<Response> delete_user_limit(const Context& context) {
  auto user = context.broker.topology().find_user(context.path("user"));
  if (!user) {
    co_return object_not_found();
  }
  if (Limit* limit = find_limit(*user, context.path("limit"))) {
    limit->reset();
  }
  const auto ticket = context.broker.topology().put_user(*std::move(user));
  Task<Response> answering = when_committed(context, ticket);
  co_return co_await answering;
}

}  // namespace lepus::management::api
