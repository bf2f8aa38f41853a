#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/model/access.h"
#include "broker/model/pattern.h"

namespace lepus::model {

/// The permissions of one user in one vhost, ready to be asked. Immutable.
struct CompiledPermissions {
  struct Topic {
    std::string exchange;
    Pattern write;
    Pattern read;
  };

  Pattern configure;
  Pattern write;
  Pattern read;
  std::vector<Topic> topics;
  bool may_impersonate = false;
};

/// Where permissions come from. Any thread.
class PermissionSource {
 public:
  virtual ~PermissionSource() = default;
  /// Changes with every change of users and permissions.
  [[nodiscard]] virtual std::uint64_t version() const = 0;
  /// Null if the user has none in that vhost.
  [[nodiscard]] virtual std::shared_ptr<const CompiledPermissions> find(
      std::string_view user, std::string_view vhost) const = 0;
};

/// Remembers the last names that were allowed, as RabbitMQ does per channel, until permissions
/// change.
class UserAccess final : public Access {
 public:
  UserAccess(const PermissionSource& source, std::string user, std::string vhost);

  [[nodiscard]] const std::string& vhost() const override { return vhost_; }

  [[nodiscard]] const std::string& user() const override { return user_; }

  [[nodiscard]] std::optional<ProtocolError> check(Resource resource, std::string_view name,
                                                   Permission permission) const override;
  [[nodiscard]] std::optional<ProtocolError> check_topic(std::string_view exchange,
                                                         std::string_view routing_key,
                                                         Permission permission) const override;
  [[nodiscard]] bool may_impersonate() const override;

 private:
  struct Allowed {
    bool used = false;
    Resource resource{};
    Permission permission{};
    std::string name;
  };

  void refresh() const;

  const PermissionSource& source_;
  const std::string user_;
  const std::string vhost_;
  // A cache that belongs to the one thread that asks:
  mutable std::uint64_t version_ = 0;
  mutable std::shared_ptr<const CompiledPermissions> permissions_;
  mutable std::array<Allowed, 12> allowed_;
  mutable std::size_t next_allowed_ = 0;
};

}  // namespace lepus::model
