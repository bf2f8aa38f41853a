#include <algorithm>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"
#include "broker/model/user_access.h"

namespace lepus::model {

namespace {

/// The longest name of a user or a vhost, as AMQP's short strings allow.
constexpr std::size_t name_max_bytes = 255;

std::optional<Error> check_name(std::string_view name) {
  if (name.empty() || name.size() > name_max_bytes) {
    return fail("bad_request: names have 1 to 255 octets");
  }
  return std::nullopt;
}

Result<User> admitted(User user, const std::vector<std::string>& loopback_users,
                      bool from_loopback) {
  if (!from_loopback && std::ranges::find(loopback_users, user.name) != loopback_users.end()) {
    return fail(fmt::format("user '{}' can only connect via localhost", user.name));
  }
  return user;
}

}  // namespace

Result<User> Topology::authenticate(std::string_view name, std::string_view password,
                                    bool from_loopback) const {
  std::optional<User> user = state_->users.find_user(name);
  if (!user) {
    // As long as for a user who exists.
    static_cast<void>(hash_password(password, "salt", PasswordHashing::sha256));
    return fail(fmt::format("user '{}' - invalid credentials", name));
  }
  if (!password_matches(password, user->password_hash, user->hashing)) {
    return fail(fmt::format("user '{}' - invalid credentials", name));
  }
  return admitted(*std::move(user), state_->options.loopback_users, from_loopback);
}

Result<User> Topology::authenticate_certified(std::string_view name, bool from_loopback) const {
  std::optional<User> user = state_->users.find_user(name);
  if (!user) {
    return fail(fmt::format("user '{}' - invalid credentials", name));
  }
  return admitted(*std::move(user), state_->options.loopback_users, from_loopback);
}

std::optional<ProtocolError> Topology::check_vhost_access(std::string_view user,
                                                          std::string_view vhost) const {
  if (!find_vhost(vhost)) {
    return ProtocolError{amqp::ReplyCode::not_allowed, fmt::format("vhost {} not found", vhost)};
  }
  if (!state_->users.has_permissions(user, vhost)) {
    return ProtocolError{amqp::ReplyCode::not_allowed,
                         fmt::format("access to vhost '{}' refused for user '{}'", vhost, user)};
  }
  return std::nullopt;
}

std::unique_ptr<Access> Topology::make_access(std::string_view user, std::string_view vhost) const {
  return std::make_unique<UserAccess>(state_->users, std::string{user}, std::string{vhost});
}

std::vector<User> Topology::list_users() const {
  return state_->users.list_users();
}

std::optional<User> Topology::find_user(std::string_view name) const {
  return state_->users.find_user(name);
}

Result<TopologyTicket> Topology::put_user(User user) {
  if (auto error = check_name(user.name)) {
    return *std::move(error);
  }
  const std::unique_lock lock{state_->mutex};
  const TopologyTicket ticket = state_->write_record(user_key(user.name), encode(user));
  state_->users.put_user(std::move(user));
  return ticket;
}

Result<TopologyTicket> Topology::delete_user(std::string_view name) {
  const std::unique_lock lock{state_->mutex};
  if (!state_->users.find_user(name)) {
    return fail("no_such_user");
  }
  auto batch = state_->log.new_batch();
  batch->erase_topology(user_key(name));
  for (const UserPermissions& permissions : state_->users.list_permissions()) {
    if (permissions.user == name) {
      batch->erase_topology(permissions_key(name, permissions.vhost));
    }
  }
  for (const TopicPermissions& permissions : state_->users.list_topic_permissions()) {
    if (permissions.user == name) {
      batch->erase_topology(topic_permissions_key(name, permissions.vhost, permissions.exchange));
    }
  }
  state_->users.erase_user(name);
  return state_->log.append(std::move(batch));
}

std::vector<UserPermissions> Topology::list_permissions() const {
  return state_->users.list_permissions();
}

std::optional<UserPermissions> Topology::find_permissions(std::string_view user,
                                                          std::string_view vhost) const {
  return state_->users.find_permissions(user, vhost);
}

Result<TopologyTicket> Topology::put_permissions(const UserPermissions& permissions) {
  const std::unique_lock lock{state_->mutex};
  if (state_->find_vhost(permissions.vhost) == nullptr ||
      !state_->users.find_user(permissions.user)) {
    return fail("vhost_or_user_not_found");
  }
  if (const auto put = state_->users.put_permissions(permissions); !put) {
    return put.error();
  }
  return state_->write_record(permissions_key(permissions.user, permissions.vhost),
                              encode(permissions));
}

Result<TopologyTicket> Topology::delete_permissions(std::string_view user, std::string_view vhost) {
  const std::unique_lock lock{state_->mutex};
  if (state_->find_vhost(vhost) == nullptr || !state_->users.find_user(user)) {
    return fail("vhost_or_user_not_found");
  }
  state_->users.erase_permissions(user, vhost);
  auto batch = state_->log.new_batch();
  batch->erase_topology(permissions_key(user, vhost));
  return state_->log.append(std::move(batch));
}

std::vector<TopicPermissions> Topology::list_topic_permissions() const {
  return state_->users.list_topic_permissions();
}

Result<TopologyTicket> Topology::put_topic_permissions(const TopicPermissions& permissions) {
  const std::unique_lock lock{state_->mutex};
  if (state_->find_vhost(permissions.vhost) == nullptr ||
      !state_->users.find_user(permissions.user)) {
    return fail("vhost_or_user_not_found");
  }
  if (const auto put = state_->users.put_topic_permissions(permissions); !put) {
    return put.error();
  }
  return state_->write_record(
      topic_permissions_key(permissions.user, permissions.vhost, permissions.exchange),
      encode(permissions));
}

Result<TopologyTicket> Topology::delete_topic_permissions(std::string_view user,
                                                          std::string_view vhost,
                                                          std::string_view exchange) {
  const std::unique_lock lock{state_->mutex};
  if (state_->find_vhost(vhost) == nullptr || !state_->users.find_user(user)) {
    return fail("vhost_or_user_not_found");
  }
  auto batch = state_->log.new_batch();
  for (const TopicPermissions& entry : state_->users.list_topic_permissions()) {
    if (entry.user == user && entry.vhost == vhost &&
        (exchange.empty() || entry.exchange == exchange)) {
      batch->erase_topology(topic_permissions_key(user, vhost, entry.exchange));
      state_->users.erase_topic_permissions(user, vhost, entry.exchange);
    }
  }
  return state_->log.append(std::move(batch));
}

}  // namespace lepus::model
