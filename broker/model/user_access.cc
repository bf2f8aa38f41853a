#include "broker/model/user_access.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace lepus::model {

namespace {

std::string_view name_of(Permission permission) {
  switch (permission) {
    case Permission::configure:
      return "configure";
    case Permission::write:
      return "write";
    case Permission::read:
      return "read";
  }
  return {};
}

std::string_view name_of(Resource resource) {
  switch (resource) {
    case Resource::exchange:
      return "exchange";
    case Resource::queue:
      return "queue";
  }
  return {};
}

const Pattern& pattern_for(const CompiledPermissions& permissions, Permission permission) {
  switch (permission) {
    case Permission::configure:
      return permissions.configure;
    case Permission::write:
      return permissions.write;
    case Permission::read:
      break;
  }
  return permissions.read;
}

}  // namespace

UserAccess::UserAccess(const PermissionSource& source, std::string user, std::string vhost)
    : source_(source), user_(std::move(user)), vhost_(std::move(vhost)) {}

std::optional<ProtocolError> UserAccess::check(Resource resource, std::string_view name,
                                               Permission permission) const {
  refresh();
  const bool is_default = resource == Resource::exchange && name.empty();
  const std::string_view checked = is_default ? std::string_view{"amq.default"} : name;
  const auto is_this = [&](const Allowed& allowed) {
    return allowed.used && allowed.permission == permission && allowed.resource == resource &&
           allowed.name == checked;
  };
  if (std::ranges::any_of(allowed_, is_this)) {
    return std::nullopt;
  }
  if (permissions_ != nullptr && pattern_for(*permissions_, permission).matches(checked)) {
    Allowed& place = allowed_[next_allowed_];
    next_allowed_ = (next_allowed_ + 1) % allowed_.size();
    place.used = true;
    place.resource = resource;
    place.permission = permission;
    place.name.assign(checked);
    return std::nullopt;
  }
  return ProtocolError{amqp::ReplyCode::access_refused,
                       fmt::format("{} access to {} '{}' in vhost '{}' refused for user '{}'",
                                   name_of(permission), name_of(resource), checked, vhost_, user_)};
}

std::optional<ProtocolError> UserAccess::check_topic(std::string_view exchange,
                                                     std::string_view routing_key,
                                                     Permission permission) const {
  refresh();
  if (permissions_ == nullptr) {
    return std::nullopt;  // check() has refused already
  }
  const auto entry =
      std::ranges::find(permissions_->topics, exchange, &CompiledPermissions::Topic::exchange);
  if (entry == permissions_->topics.end()) {
    return std::nullopt;
  }
  const Pattern& pattern = permission == Permission::read ? entry->read : entry->write;
  if (pattern.matches(routing_key)) {
    return std::nullopt;
  }
  return ProtocolError{
      amqp::ReplyCode::access_refused,
      fmt::format("{} access to topic '{}' in exchange '{}' in vhost '{}' refused for user '{}'",
                  name_of(permission), routing_key, exchange, vhost_, user_)};
}

bool UserAccess::may_impersonate() const {
  refresh();
  return permissions_ != nullptr && permissions_->may_impersonate;
}

void UserAccess::refresh() const {
  const std::uint64_t version = source_.version();
  if (version == version_) {
    return;
  }
  // The version first: what changes in between is then seen as a change once more.
  version_ = version;
  permissions_ = source_.find(user_, vhost_);
  for (Allowed& allowed : allowed_) {
    allowed.used = false;
  }
}

}  // namespace lepus::model
