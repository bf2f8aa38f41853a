#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/model/user.h"
#include "management/answer_budget.h"
#include "management/broker_calls.h"
#include "management/request.h"

namespace lepus::management {

class Sampler;

/// Names in a route's pattern (":vhost") with what stands there in the path.
using PathParameters = std::map<std::string, std::string, std::less<>>;

/// What a handler is given. It lives until the request is answered or given up.
struct Context {
  Request request;
  Target target;
  PathParameters parameters;
  model::User user;  ///< authenticated; nobody for routes without login
  const BrokerCalls& broker;
  Sampler& sampler;
  const AnswerBudget& answers;

  /// What stands in the path for ":name"; the route has it.
  [[nodiscard]] const std::string& path(std::string_view name) const {
    return parameters.find(name)->second;
  }

  /// A value of the query, or nothing.
  [[nodiscard]] std::optional<std::string_view> query(std::string_view name) const {
    const auto found = target.query.find(name);
    return found == target.query.end() ? std::nullopt
                                       : std::optional<std::string_view>{found->second};
  }

  [[nodiscard]] bool query_is_true(std::string_view name) const { return query(name) == "true"; }

  /// disable_stats: basic fields only.
  [[nodiscard]] bool stats_disabled() const { return query_is_true("disable_stats"); }

  /// The exchange that the path names as ":exchange"; the default one is amq.default
  /// or nothing there.
  [[nodiscard]] std::string exchange() const {
    const std::string& name = path("exchange");
    return name == "amq.default" ? std::string{} : name;
  }
};

}  // namespace lepus::management
