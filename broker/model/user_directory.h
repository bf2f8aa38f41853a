#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/model/string_map.h"
#include "broker/model/user.h"
#include "broker/model/user_access.h"

namespace lepus::model {

/// Users and their permissions in memory. Every change happens under the topology's writer lock
/// (which gives the log its order) and this directory's own, which is the innermost of all: so
/// access can be checked with or without the topology's.
class UserDirectory final : public PermissionSource {
 public:
  // ---- PermissionSource
  [[nodiscard]] std::uint64_t version() const override;
  [[nodiscard]] std::shared_ptr<const CompiledPermissions> find(
      std::string_view user, std::string_view vhost) const override;

  // ---- users
  [[nodiscard]] std::optional<User> find_user(std::string_view name) const;
  [[nodiscard]] std::vector<User> list_users() const;
  void put_user(User user);
  /// With all permissions.
  void erase_user(std::string_view name);

  // ---- permissions
  [[nodiscard]] bool has_permissions(std::string_view user, std::string_view vhost) const;
  [[nodiscard]] std::optional<UserPermissions> find_permissions(std::string_view user,
                                                                std::string_view vhost) const;
  [[nodiscard]] std::vector<UserPermissions> list_permissions() const;
  /// Fails with "invalid_regexp …" if a pattern does not compile.
  [[nodiscard]] Result<void> put_permissions(UserPermissions permissions);
  void erase_permissions(std::string_view user, std::string_view vhost);

  [[nodiscard]] std::vector<TopicPermissions> list_topic_permissions() const;
  [[nodiscard]] Result<void> put_topic_permissions(TopicPermissions permissions);
  void erase_topic_permissions(std::string_view user, std::string_view vhost,
                               std::string_view exchange);

 private:
  using Place = std::pair<std::string, std::string>;                     ///< user, vhost
  using TopicPlace = std::tuple<std::string, std::string, std::string>;  ///< user, vhost, exchange

  void changed();

  mutable std::shared_mutex mutex_;
  // Protected by mutex_:
  StringMap<User> users_;
  std::map<Place, UserPermissions> permissions_;
  std::map<TopicPlace, TopicPermissions> topic_permissions_;
  mutable std::map<Place, std::shared_ptr<const CompiledPermissions>>
      compiled_;  ///< made when asked for

  std::atomic<std::uint64_t> version_{1};
};

}  // namespace lepus::model
