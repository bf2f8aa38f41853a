#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/model/protocol_error.h"

namespace lepus::model {

enum class Permission { configure, write, read };
enum class Resource { exchange, queue };

/// What one user may do in one vhost; asked by every method, in RabbitMQ's order. Cheap when asked
/// again for the same name. Used by one thread; sees changes of permissions at once (they carry a
/// version).
class Access {
 public:
  virtual ~Access() = default;
  [[nodiscard]] virtual const std::string& vhost() const = 0;
  [[nodiscard]] virtual const std::string& user() const = 0;
  /// 403 "access to queue 'q' in vhost '/' refused for user 'u'" (see the version's wording in the
  /// reference), or nothing.
  [[nodiscard]] virtual std::optional<ProtocolError> check(Resource resource, std::string_view name,
                                                           Permission permission) const = 0;
  /// Topic permissions: 403 "access to topic 'k' in exchange …", or nothing.
  [[nodiscard]] virtual std::optional<ProtocolError> check_topic(std::string_view exchange,
                                                                 std::string_view routing_key,
                                                                 Permission permission) const = 0;
  /// The user may publish with a user_id that is not theirs (tag impersonator).
  [[nodiscard]] virtual bool may_impersonate() const = 0;
};

}  // namespace lepus::model
