#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

std::uint64_t open_descriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

std::uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::int64_t connection_count(const Context& context) {
  std::int64_t connections = 0;
  for (const auto& vhost : context.broker.topology().list_vhosts()) {
    connections += context.broker.access().connection_counts().connections_of_vhost(vhost.name);
  }
  return connections;
}

/// What RabbitMQ counts and a broker without its store has not; tools expect the fields.
void put_unused_counters(json& node) {
  for (const char* name : {"gc_num",
                           "gc_bytes_reclaimed",
                           "context_switches",
                           "io_read_count",
                           "io_read_bytes",
                           "io_write_count",
                           "io_write_bytes",
                           "io_sync_count",
                           "io_seek_count",
                           "io_reopen_count",
                           "io_read_avg_time",
                           "io_write_avg_time",
                           "io_sync_avg_time",
                           "io_seek_avg_time",
                           "mnesia_ram_tx_count",
                           "mnesia_disk_tx_count",
                           "msg_store_read_count",
                           "msg_store_write_count",
                           "queue_index_read_count",
                           "queue_index_write_count"}) {
    put_rated(node, name, 0, 0);
  }
  node.update(churn_rates());
}

void put_mechanisms(json& object, const model::NodeDescription& node) {
  json list = json::array();
  for (const std::string& mechanism : node.auth_mechanisms) {
    list.push_back({{"name", mechanism}, {"description", "SASL " + mechanism}, {"enabled", true}});
  }
  object["auth_mechanisms"] = list;
}

void put_resources(json& object, const Context& context, const model::NodeResources& resources) {
  const std::uint64_t descriptors = descriptor_limit();
  put_rated(object, "mem_used", resources.memory_used_bytes, 0);
  put_rated(object, "disk_free", resources.disk_free_bytes, 0);
  put_rated(object, "fd_used", open_descriptors(), 0);
  put_rated(object, "sockets_used", static_cast<std::uint64_t>(connection_count(context)), 0);
  put_rated(object, "proc_used", context.broker.node().shards, 0);
  object.update({{"mem_limit", resources.memory_limit_bytes},
                 {"mem_alarm", resources.memory_alarm},
                 {"disk_free_limit", resources.disk_limit_bytes},
                 {"disk_free_alarm", resources.disk_alarm},
                 {"fd_total", descriptors},
                 {"sockets_total", descriptors},
                 {"proc_total", 1048576},
                 {"run_queue", 0},
                 {"processors", std::thread::hardware_concurrency()}});
}

json node_json(const Context& context, const model::NodeResources& resources) {
  const auto node = context.broker.node();
  json object{{"name", node.name}, {"type", "disc"}, {"running", true}};
  if (context.stats_disabled()) {
    return object;
  }
  object.update({{"os_pid", std::to_string(::getpid())},
                 {"uptime", context.broker.clock().steady_ms() - node.started_at_ms},
                 {"rates_mode", "basic"},
                 {"being_drained", false},
                 {"mem_calculation_strategy", "rss"},
                 {"partitions", json::array()},
                 {"cluster_links", json::array()},
                 {"exchange_types", exchange_types()},
                 {"contexts", contexts(node)},
                 {"applications", json::array({json{{"name", "rabbit"},
                                                    {"description", "RabbitMQ"},
                                                    {"version", rabbitmq_version}}})},
                 {"enabled_plugins", json::array({"rabbitmq_management"})},
                 {"log_files", node.log_files},
                 {"config_files", node.config_files},
                 {"db_dir", node.data_dir},
                 {"net_ticktime", 60},
                 {"ra_open_file_metrics", json::object()},
                 {"metrics_gc_queue_length", json::object()}});
  put_mechanisms(object, node);
  put_resources(object, context, resources);
  put_unused_counters(object);
  return object;
}

}  // namespace

Task<Response> list_nodes(const Context& context) {
  const auto resources = co_await context.broker.resources();
  const std::array nodes{context.broker.node().name};
  co_return list_response(context,
                          list_of(
                              nodes, [](const auto&) { return std::string_view{}; },
                              [](const std::string& name) { return std::string_view{name}; },
                              [&](const auto&) { return node_json(context, resources); }, false));
}

Task<Response> get_node(const Context& context) {
  if (context.path("node") != context.broker.node().name) {
    co_return object_not_found();
  }
  const auto resources = co_await context.broker.resources();
  json object = node_json(context, resources);
  object["lepus_store"] = store_statistics_json(context.broker.access().store_statistics());
  if (context.query_is_true("memory")) {
    object["memory"] = {{"total", resources.memory_used_bytes}};
  }
  co_return object_response(context, std::move(object));
}

Task<Response> get_node_memory(const Context& context) {
  if (context.path("node") != context.broker.node().name) {
    co_return object_not_found();
  }
  const auto resources = co_await context.broker.resources();
  const std::uint64_t used = resources.memory_used_bytes;
  json memory{{"strategy", "rss"},
              {"total", {{"rss", used}, {"allocated", used}, {"erlang", used}}}};
  for (const char* name : {"connection_readers",
                           "connection_writers",
                           "connection_channels",
                           "connection_other",
                           "queue_procs",
                           "queue_slave_procs",
                           "quorum_queue_procs",
                           "stream_queue_procs",
                           "plugins",
                           "metrics",
                           "mgmt_db",
                           "mnesia",
                           "quorum_ets",
                           "binary",
                           "msg_index",
                           "code",
                           "atom",
                           "other_ets",
                           "allocated_unused",
                           "reserved_unallocated"}) {
    memory[name] = 0;
  }
  memory["other_proc"] = 0;
  memory["other_system"] = used;
  co_return object_response(context, {{"memory", memory}});
}

}  // namespace lepus::management::api
