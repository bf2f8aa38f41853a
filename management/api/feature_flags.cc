#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/listing.h"

// What tools ask before they use something new or old. Here all of it is there, always.

namespace lepus::management::api {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 13> feature_flags{"classic_mirrored_queue_version",
                                                         "classic_queue_type_delivery_support",
                                                         "direct_exchange_routing_v2",
                                                         "drop_unroutable_metric",
                                                         "empty_basic_get_metric",
                                                         "feature_flags_v2",
                                                         "implicit_default_bindings",
                                                         "listener_records_in_ets",
                                                         "maintenance_mode_status",
                                                         "message_containers",
                                                         "stream_queue",
                                                         "tracking_records_in_ets",
                                                         "user_limits"};

/// What RabbitMQ is going to take away from its users.
constexpr std::string_view transient_queues = "transient_nonexcl_queues";

json feature_flag_json(std::string_view name) {
  return {{"name", name},          {"desc", ""},
          {"doc_url", ""},         {"state", "enabled"},
          {"stability", "stable"}, {"provided_by", "rabbit"}};
}

json deprecated_feature_json(std::string_view name) {
  return {{"name", name},
          {"desc", ""},
          {"deprecation_phase", "permitted_by_default"},
          {"doc_url", ""},
          {"provided_by", "rabbit"}};
}

template <typename Names, typename Make>
Response list_names(const Context& context, const Names& names, Make make) {
  return list_response(context, list_of(
                                    names, [](std::string_view) { return std::string_view{}; },
                                    [](std::string_view name) { return name; }, make, false));
}

}  // namespace

Response list_feature_flags(const Context& context) {
  return list_names(context, feature_flags, feature_flag_json);
}

Response enable_feature_flag(const Context& context) {
  const bool is_known =
      std::ranges::find(feature_flags, context.path("name")) != feature_flags.end();
  return is_known ? no_content() : bad_request("unsupported");
}

Response list_deprecated_features(const Context& context) {
  return list_names(context, std::array{transient_queues}, deprecated_feature_json);
}

Response list_used_deprecated_features(const Context& context) {
  const auto queues = context.broker.topology().list_queues("");
  const bool is_used = std::ranges::any_of(
      queues, [](const auto& queue) { return !queue->durable && !queue->is_exclusive(); });
  std::vector<std::string_view> used;
  if (is_used) {
    used.push_back(transient_queues);
  }
  return list_names(context, used, deprecated_feature_json);
}

}  // namespace lepus::management::api
