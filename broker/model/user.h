#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace lepus::model {

enum class PasswordHashing { sha256, sha512, md5 };

/// "rabbit_password_hashing_sha256", …; as the management API and exported definitions name it.
[[nodiscard]] std::string_view name_of(PasswordHashing hashing);
[[nodiscard]] std::optional<PasswordHashing> password_hashing_from(std::string_view name);

/// max-connections and max-channels of a user; absent: no limit.
struct UserLimits {
  std::optional<std::int64_t> max_connections;
  std::optional<std::int64_t> max_channels;
};

struct User {
  std::string name;
  std::string
      password_hash;  ///< base64(salt || digest(salt || password)); empty: no login by password
  PasswordHashing hashing = PasswordHashing::sha256;
  std::vector<std::string> tags;
  UserLimits limits;

  [[nodiscard]] bool has_tag(std::string_view tag) const;
};

/// Four bytes that make the hashes of equal passwords differ.
inline constexpr std::size_t password_salt_bytes = 4;

/// base64(salt || digest(salt || password)) with the given salt.
[[nodiscard]] std::string hash_password(std::string_view password, std::string_view salt,
                                        PasswordHashing hashing);

/// The same with a random salt.
[[nodiscard]] std::string hash_password(std::string_view password, PasswordHashing hashing);

/// Whether the password makes this hash; takes the same time wherever they differ. False for a
/// damaged or empty hash.
[[nodiscard]] bool password_matches(std::string_view password, std::string_view password_hash,
                                    PasswordHashing hashing);

/// What a user may do in a vhost: regular expressions searched in names; the empty one matches
/// nothing.
struct UserPermissions {
  std::string user;
  std::string vhost;
  std::string configure;
  std::string write;
  std::string read;
};

/// What a user may publish to and bind at one topic exchange. `{username}` and `{vhost}` in the
/// patterns stand for theirs.
struct TopicPermissions {
  std::string user;
  std::string vhost;
  std::string exchange;
  std::string write;
  std::string read;
};

}  // namespace lepus::model
