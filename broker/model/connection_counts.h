#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "broker/model/string_map.h"

namespace lepus::model {

/// How many connections and channels each vhost and user has over all shards, for their limits. Any
/// thread may call.
class ConnectionCounts {
 public:
  struct User {
    std::int64_t connections = 0;
    std::int64_t channels = 0;
  };

  void add_connection(std::string_view vhost, std::string_view user, std::int64_t difference) {
    const std::lock_guard lock(mutex_);
    connections_ += difference;
    change(vhosts_, vhost, difference);
    User& counts = users_[std::string{user}];
    counts.connections += difference;
    forget_if_unused(user, counts);
  }

  void add_channels(std::string_view user, std::int64_t difference) {
    const std::lock_guard lock(mutex_);
    User& counts = users_[std::string{user}];
    counts.channels += difference;
    forget_if_unused(user, counts);
  }

  /// Of all vhosts.
  [[nodiscard]] std::int64_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

  [[nodiscard]] std::int64_t connections_of_vhost(std::string_view vhost) const {
    const std::lock_guard lock(mutex_);
    const auto found = vhosts_.find(vhost);
    return found == vhosts_.end() ? 0 : found->second;
  }

  [[nodiscard]] User of_user(std::string_view user) const {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user);
    return found == users_.end() ? User{} : found->second;
  }

 private:
  static void change(StringMap<std::int64_t>& counts, std::string_view name,
                     std::int64_t difference) {
    std::int64_t& count = counts[std::string{name}];
    count += difference;
    if (count == 0) {
      counts.erase(counts.find(name));
    }
  }

  void forget_if_unused(std::string_view name, const User& counts) {
    if (counts.connections == 0 && counts.channels == 0) {
      users_.erase(users_.find(name));
    }
  }

  mutable std::mutex mutex_;
  std::int64_t connections_ = 0;
  StringMap<std::int64_t> vhosts_;
  StringMap<User> users_;
};

}  // namespace lepus::model
