#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/model/names.h"
#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/body.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

Response list_some(const Context& context, const std::vector<model::User>& users) {
  return list_response(
      context, list_of(
                   users, [](const auto&) { return std::string_view{}; },
                   [](const auto& user) { return std::string_view{user.name}; }, user_json, false));
}

/// Nobody knows the password of a user who was given none.
std::string random_hash(model::PasswordHashing hashing) {
  std::array<unsigned char, 32> secret{};
  model::fill_with_random_bytes(secret);
  return model::hash_password({reinterpret_cast<const char*>(secret.data()), secret.size()},
                              hashing);
}

void read_password(BodyReader& body, model::User& user) {
  if (body.has("hashing_algorithm")) {
    const auto hashing = model::password_hashing_from(body.text("hashing_algorithm"));
    if (!hashing) {
      body.fail("unknown_hashing_algorithm");
      return;
    }
    user.hashing = *hashing;
  }
  if (body.has("password") && body.has("password_hash")) {
    body.fail("both_password_and_password_hash_are_provided");
  } else if (body.has("password")) {
    user.password_hash = model::hash_password(body.text("password"), user.hashing);
  } else if (body.has("password_hash")) {
    user.password_hash = body.base64("password_hash");
  } else {
    user.password_hash = random_hash(user.hashing);
  }
}

Task<Response> remove_users(const Context& context, std::vector<std::string> names) {
  model::TopologyTicket ticket = 0;
  std::optional<std::string> unknown;
  std::set<std::string> removed;
  for (const std::string& name : names) {
    const auto deleted = context.broker.topology().delete_user(name);
    if (!deleted) {
      unknown = name;
      break;
    }
    ticket = *deleted;
    removed.insert(name);
  }
  const auto connections = co_await context.broker.connection_rows();
  for (const model::ConnectionRow& connection : connections) {
    if (removed.contains(connection.user)) {
      context.broker.access().close_connection(connection.id,
                                               "user '" + connection.user + "' is deleted");
    }
  }
  const bool committed = co_await context.broker.committed(ticket);
  if (unknown) {
    co_return json_error(json::array({"no_such_user", *unknown}));
  }
  co_return committed ? no_content() : not_committed();
}

}  // namespace

Response list_users(const Context& context) {
  const auto users = context.broker.topology().list_users();
  return list_some(context, users);
}

Response list_users_without_permissions(const Context& context) {
  auto users = context.broker.topology().list_users();
  std::set<std::string> with_permissions;
  for (const model::UserPermissions& each : context.broker.topology().list_permissions()) {
    with_permissions.insert(each.user);
  }
  std::erase_if(users, [&](const auto& user) { return with_permissions.contains(user.name); });
  return list_some(context, users);
}

Response get_user(const Context& context) {
  const auto user = context.broker.topology().find_user(context.path("user"));
  return user ? object_response(context, user_json(*user)) : object_not_found();
}

Task<Response> put_user(const Context& context) {
  BodyReader body{context.request.body};
  model::User user;
  user.name = context.path("user");
  if (!body.has("tags")) {
    body.fail("tags_not_present");
  }
  user.tags = body.words("tags");
  read_password(body, user);
  if (body.error()) {
    co_return *body.error();
  }
  model::Topology& topology = context.broker.topology();
  const auto existing = topology.find_user(user.name);
  if (existing) {
    user.limits = existing->limits;
  }
  const auto ticket = topology.put_user(std::move(user));
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  const bool committed = co_await context.broker.committed(*ticket);
  if (!committed) {
    co_return not_committed();
  }
  co_return existing ? no_content() : created();
}

Task<Response> delete_user(const Context& context) {
  const std::string name = context.path("user");
  if (!context.broker.topology().find_user(name)) {
    co_return object_not_found();
  }
  std::vector<std::string> names{name};
  Task<Response> answering = remove_users(context, std::move(names));
  co_return co_await answering;
}

Task<Response> delete_users(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"users"});
  std::vector<std::string> names = body.words("users");
  if (body.error()) {
    co_return *body.error();
  }
  Task<Response> answering = remove_users(context, std::move(names));
  co_return co_await answering;
}

Response hash_password(const Context& context) {
  return json_response(
      {{"ok", model::hash_password(context.path("password"), model::PasswordHashing::sha256)}});
}

}  // namespace lepus::management::api
