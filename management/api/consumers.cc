#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/listing.h"

namespace lepus::management::api {

namespace {

using Row = model::ConsumerRow;
using Rows = std::vector<Row>;

/// Who is active where only one consumer may be.
using Actives = std::unordered_map<std::uint64_t, model::ConsumerId>;

BrokerCalls::Queues single_active_queues(const Context& context, const Rows& rows) {
  std::unordered_map<std::uint64_t, std::shared_ptr<model::QueueRecord>> queues;
  for (const Row& row : rows) {
    if (auto queue = context.broker.topology().find_queue(row.queue_id);
        queue && queue->settings.single_active_consumer) {
      queues.emplace(model::value_of(queue->id), std::move(queue));
    }
  }
  BrokerCalls::Queues list;
  for (auto& [id, queue] : queues) {
    list.push_back(std::move(queue));
  }
  return list;
}

Task<Response> list_some(const Context& context, std::optional<std::string> vhost) {
  if (context.stats_disabled()) {
    co_return bad_request("Stats in management UI are disabled on this node");
  }
  Rows rows = co_await context.broker.consumer_rows();
  std::erase_if(rows, [&](const Row& row) {
    const bool is_visible = is_monitor(context.user) || row.user == context.user.name;
    return !is_visible || (vhost && row.vhost != *vhost);
  });
  auto queues = single_active_queues(context, rows);
  const auto queue_rows = co_await context.broker.queue_rows(std::move(queues));
  Actives actives;
  for (const model::QueueRow& queue : queue_rows) {
    actives.emplace(model::value_of(queue.record->id), queue.active_consumer);
  }
  const std::string node = context.broker.node().name;
  const auto make = [&](const Row& row) {
    const auto single = actives.find(model::value_of(row.queue_id));
    const bool is_active = single == actives.end() || single->second == row.id;
    return consumer_json(row, node, is_active, is_active && single != actives.end());
  };
  co_return list_response(
      context, list_of(
                   rows, [](const Row& row) { return std::string_view{row.vhost}; },
                   [](const Row& row) { return std::string_view{row.tag}; }, make, false));
}

}  // namespace

Task<Response> list_consumers(const Context& context) {
  return list_some(context, std::nullopt);
}

Task<Response> list_vhost_consumers(const Context& context) {
  return list_some(context, context.path("vhost"));
}

}  // namespace lepus::management::api
