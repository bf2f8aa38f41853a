#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/json_values.h"
#include "management/response.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

Response ok(json details = json::object()) {
  details["status"] = "ok";
  return json_response(details);
}

Response failed(std::string_view reason, json details) {
  details["status"] = "failed";
  details["reason"] = reason;
  Response response = json_response(details);
  response.status = 503;
  return response;
}

template <typename Integer>
bool parse(std::string_view text, Integer& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<std::int64_t> seconds_of(std::string_view unit) {
  constexpr std::int64_t day_s = 86400;
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
      {{"days", day_s},
       {"weeks", 7 * day_s},
       {"months", 365 * day_s / 12},
       {"years", 365 * day_s}}};
  const auto* const found = std::ranges::find(units, unit, [](auto& each) { return each.first; });
  return found == units.end() ? std::nullopt : std::optional{found->second};
}

/// The name that a listener is listed with for what a check calls the protocol.
std::string_view listed_protocol(std::string_view protocol) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> names{
      {{"amqp091", "amqp"},
       {"amqp10", "amqp"},
       {"amqp0.9.1", "amqp"},
       {"amqps", "amqp/ssl"},
       {"amqp091/ssl", "amqp/ssl"},
       {"management", "http"}}};
  const auto* const found =
      std::ranges::find(names, protocol, [](auto& each) { return each.first; });
  return found == names.end() ? protocol : found->second;
}

}  // namespace

Task<Response> check_alarms(const Context& context) {
  const auto resources = co_await context.broker.resources();
  json alarms = json::array();
  const std::string node = context.broker.node().name;
  if (resources.memory_alarm) {
    alarms.push_back({{"node", node}, {"resource", "memory"}});
  }
  if (resources.disk_alarm) {
    alarms.push_back({{"node", node}, {"resource", "disk"}});
  }
  if (alarms.empty()) {
    co_return ok();
  }
  const bool is_local = context.target.segments.back() == "local-alarms";
  const std::string reason = is_local ? "There are alarms in effect on the node"
                                      : "There are alarms in effect in the cluster";
  json details{{"alarms", std::move(alarms)}};
  co_return failed(reason, std::move(details));
}

Response check_virtual_hosts(const Context& context) {
  static_cast<void>(context);
  return ok();  // A vhost that is listed runs.
}

Response check_port_listener(const Context& context) {
  std::uint16_t port = 0;
  if (!parse(context.path("port"), port) || port == 0) {
    return bad_request("Invalid port");
  }
  json ports = json::array();
  for (const auto& listener : context.broker.node().listeners) {
    if (listener.port == port) {
      return ok({{"port", port}});
    }
    ports.push_back(listener.port);
  }
  return failed("No active listener", {{"missing", port}, {"ports", ports}});
}

Response check_protocol_listener(const Context& context) {
  const std::string& protocol = context.path("protocol");
  json protocols = json::array();
  for (const auto& listener : context.broker.node().listeners) {
    if (listener.protocol == listed_protocol(protocol)) {
      return ok({{"protocol", protocol}});
    }
    protocols.push_back(listener.protocol);
  }
  return failed("No active listener", {{"missing", protocol}, {"protocols", protocols}});
}

Response check_quorum_critical(const Context& context) {
  static_cast<void>(context);
  return ok({{"reason", "single node cluster"}});
}

Response check_node(const Context& context) {
  const auto node = context.parameters.find("node");
  if (node != context.parameters.end() && node->second != context.broker.node().name) {
    return object_not_found();
  }
  return ok();
}

Response check_connection_limit(const Context& context) {
  const auto limit = context.broker.node().connection_max;
  if (limit && context.broker.access().connection_counts().connections() >= *limit) {
    return failed("node connection limit is reached", json::object());
  }
  return ok();
}

Task<Response> check_ready(const Context& context) {
  const auto resources = co_await context.broker.resources();
  if (!resources.store_problem.empty()) {
    co_return failed(resources.store_problem, json::object());
  }
  co_return ok();
}

Response check_certificate_expiration(const Context& context) {
  std::uint32_t within = 0;
  if (!parse(context.path("within"), within)) {
    return bad_request("Invalid expiration value.");
  }
  const auto unit_s = seconds_of(context.path("unit"));
  if (!unit_s) {
    return bad_request("Time unit not recognised. Supported units: days, weeks, months, years.");
  }
  const auto node = context.broker.node();
  const std::int64_t limit_s = context.broker.clock().wall_ms() / 1000 + *unit_s * within;
  json expiring = json::array();
  for (const auto& listener : node.listeners) {
    if (listener.certificate_expires_at_s && *listener.certificate_expires_at_s <= limit_s) {
      expiring.push_back({{"node", node.name},
                          {"protocol", listener.protocol},
                          {"interface", listener.address},
                          {"port", listener.port},
                          {"certfile_expires_on",
                           json::array({format_time(*listener.certificate_expires_at_s * 1000)})}});
    }
  }
  if (expiring.empty()) {
    return ok();
  }
  return failed("Certificates expiring", {{"expired", std::move(expiring)}});
}

}  // namespace lepus::management::api
