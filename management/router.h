#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "management/authentication.h"
#include "management/context.h"
#include "management/request.h"
#include "management/response.h"
#include "management/task.h"

namespace lepus::management {

/// A handler that has everything at hand, or one that asks the shards.
using Handler = std::variant<Response (*)(const Context&), Task<Response> (*)(const Context&)>;

/// One line of the route table.
struct Route {
  Method method = Method::get;
  /// Below /api: "queues/:vhost/:name". A segment that begins with `:` matches anything but
  /// nothing.
  std::string_view pattern;
  Right right = Right::management;
  Handler handler;
};

/// A route that fits a path and method, or what is known about the path otherwise.
struct Match {
  const Route* route = nullptr;
  PathParameters parameters;
  std::string allow;  ///< the path's methods, for 405 and OPTIONS; empty: no such path
};

/// Finds routes. The table outlives it.
class Router {
 public:
  explicit Router(std::span<const Route> routes);

  /// @param segments  the path's, without "api". HEAD takes the route of GET.
  [[nodiscard]] Match find(Method method, std::span<const std::string> segments) const;

 private:
  struct Entry {
    const Route* route;
    std::vector<std::string_view> segments;
  };

  std::vector<Entry> entries_;
};

/// The whole API.
[[nodiscard]] std::span<const Route> api_routes();

}  // namespace lepus::management
