#include <array>
#include <span>

#include "management/api/handlers.h"
#include "management/router.h"

namespace lepus::management {

namespace {

using namespace api;

constexpr Method get = Method::get;
constexpr Method put = Method::put;
constexpr Method post = Method::post;
constexpr Method del = Method::del;
constexpr Right none = Right::none;
constexpr Right any = Right::management;
constexpr Right vhost = Right::vhost;
constexpr Right monitor = Right::monitoring;
constexpr Right policy = Right::policymaker;
constexpr Right admin = Right::administrator;

const Route routes[] = {
    {get, "overview", any, get_overview},
    {get, "cluster-name", any, get_cluster_name},
    {put, "cluster-name", admin, put_cluster_name},
    {get, "whoami", any, get_whoami},
    {get, "auth", none, get_auth},
    {get, "auth/hash_password/:password", any, hash_password},
    {get, "extensions", any, get_extensions},
    {post, "rebalance/queues", admin, rebalance_queues},
    {get, "feature-flags", admin, list_feature_flags},
    {put, "feature-flags/:name/enable", admin, enable_feature_flag},
    {get, "deprecated-features", any, list_deprecated_features},
    {get, "deprecated-features/used", any, list_used_deprecated_features},

    {get, "nodes", monitor, list_nodes},
    {get, "nodes/:node", monitor, get_node},
    {get, "nodes/:node/memory", monitor, get_node_memory},

    {get, "lepus/backup", admin, get_backup},
    {post, "lepus/backup", admin, post_backup},

    {get, "connections", any, list_connections},
    {get, "connections/:connection", any, get_connection},
    {del, "connections/:connection", any, close_connection},
    {get, "connections/:connection/channels", any, list_connection_channels},
    {get, "connections/username/:user", any, list_user_connections},
    {del, "connections/username/:user", admin, close_user_connections},
    {get, "vhosts/:vhost/connections", vhost, list_vhost_connections},

    {get, "channels", any, list_channels},
    {get, "channels/:channel", any, get_channel},
    {get, "vhosts/:vhost/channels", vhost, list_vhost_channels},

    {get, "consumers", any, list_consumers},
    {get, "consumers/:vhost", vhost, list_vhost_consumers},

    {get, "exchanges", any, list_exchanges},
    {get, "exchanges/:vhost", vhost, list_vhost_exchanges},
    {get, "exchanges/:vhost/:exchange", vhost, get_exchange},
    {put, "exchanges/:vhost/:exchange", vhost, put_exchange},
    {del, "exchanges/:vhost/:exchange", vhost, delete_exchange},
    {get, "exchanges/:vhost/:exchange/bindings/source", vhost, list_bindings_from},
    {get, "exchanges/:vhost/:exchange/bindings/destination", vhost, list_bindings_to},
    {post, "exchanges/:vhost/:exchange/publish", vhost, publish},

    {get, "queues", any, list_queues},
    {get, "queues/detailed", any, list_queues},
    {get, "queues/:vhost", vhost, list_vhost_queues},
    {get, "queues/:vhost/:queue", vhost, get_queue},
    {put, "queues/:vhost/:queue", vhost, put_queue},
    {del, "queues/:vhost/:queue", vhost, delete_queue},
    {get, "queues/:vhost/:queue/bindings", vhost, list_queue_bindings},
    {del, "queues/:vhost/:queue/contents", vhost, purge_queue},
    {post, "queues/:vhost/:queue/get", vhost, get_messages},
    {post, "queues/:vhost/:queue/actions", admin, act_on_queue},

    {get, "bindings", any, list_bindings},
    {get, "bindings/:vhost", vhost, list_vhost_bindings},
    {get, "bindings/:vhost/e/:exchange/q/:queue", vhost, list_bindings_between},
    {post, "bindings/:vhost/e/:exchange/q/:queue", vhost, post_binding},
    {get, "bindings/:vhost/e/:exchange/q/:queue/:properties", vhost, get_binding},
    {del, "bindings/:vhost/e/:exchange/q/:queue/:properties", vhost, delete_binding},
    {get, "bindings/:vhost/e/:exchange/e/:destination", vhost, list_bindings_between},
    {post, "bindings/:vhost/e/:exchange/e/:destination", vhost, post_binding},
    {get, "bindings/:vhost/e/:exchange/e/:destination/:properties", vhost, get_binding},
    {del, "bindings/:vhost/e/:exchange/e/:destination/:properties", vhost, delete_binding},

    {get, "vhosts", any, list_vhosts},
    {get, "vhosts/:vhost", admin, get_vhost},
    {put, "vhosts/:vhost", admin, put_vhost},
    {del, "vhosts/:vhost", admin, delete_vhost},
    {post, "vhosts/:vhost/start/:node", admin, start_vhost},
    {get, "vhosts/:vhost/permissions", admin, list_vhost_permissions},
    {get, "vhosts/:vhost/topic-permissions", admin, list_vhost_topic_permissions},

    {get, "users", admin, list_users},
    {get, "users/without-permissions", admin, list_users_without_permissions},
    {post, "users/bulk-delete", admin, delete_users},
    {get, "users/:user", admin, get_user},
    {put, "users/:user", admin, put_user},
    {del, "users/:user", admin, delete_user},
    {get, "users/:user/permissions", admin, list_user_permissions},
    {get, "users/:user/topic-permissions", admin, list_user_topic_permissions},

    {get, "permissions", admin, list_permissions},
    {get, "permissions/:vhost/:user", admin, get_permissions},
    {put, "permissions/:vhost/:user", admin, put_permissions},
    {del, "permissions/:vhost/:user", admin, delete_permissions},
    {get, "topic-permissions", admin, list_topic_permissions},
    {get, "topic-permissions/:vhost/:user", admin, get_topic_permissions},
    {put, "topic-permissions/:vhost/:user", admin, put_topic_permissions},
    {del, "topic-permissions/:vhost/:user", admin, delete_topic_permissions},
    {del, "topic-permissions/:vhost/:user/:exchange", admin, delete_topic_permissions},

    {get, "vhost-limits", any, list_vhost_limits},
    {get, "vhost-limits/:vhost", any, get_vhost_limits},
    {put, "vhost-limits/:vhost/:limit", admin, put_vhost_limit},
    {del, "vhost-limits/:vhost/:limit", admin, delete_vhost_limit},
    {get, "user-limits", any, list_user_limits},
    {get, "user-limits/:user", any, get_user_limits},
    {put, "user-limits/:user/:limit", admin, put_user_limit},
    {del, "user-limits/:user/:limit", admin, delete_user_limit},

    {get, "policies", any, list_policies},
    {get, "policies/:vhost", vhost, list_policies},
    {get, "policies/:vhost/:policy", vhost, get_policy},
    {put, "policies/:vhost/:policy", policy, put_policy},
    {del, "policies/:vhost/:policy", policy, delete_policy},
    {get, "operator-policies", any, list_operator_policies},
    {get, "operator-policies/:vhost", vhost, list_operator_policies},
    {get, "operator-policies/:vhost/:policy", vhost, get_operator_policy},
    {put, "operator-policies/:vhost/:policy", admin, put_operator_policy},
    {del, "operator-policies/:vhost/:policy", admin, delete_operator_policy},
    {get, "parameters", policy, list_parameters},
    {get, "parameters/:component", policy, list_parameters},
    {get, "parameters/:component/:vhost", policy, list_parameters},
    {get, "parameters/:component/:vhost/:name", policy, get_parameter},
    {put, "parameters/:component/:vhost/:name", policy, put_parameter},
    {del, "parameters/:component/:vhost/:name", policy, delete_parameter},
    {get, "global-parameters", policy, list_global_parameters},
    {get, "global-parameters/:name", policy, get_global_parameter},
    {put, "global-parameters/:name", policy, put_global_parameter},
    {del, "global-parameters/:name", policy, delete_global_parameter},

    {get, "definitions", admin, get_definitions},
    {post, "definitions", admin, post_definitions},
    {get, "definitions/:vhost", admin, get_vhost_definitions},
    {post, "definitions/:vhost", admin, post_vhost_definitions},
    {get, "all-configuration", admin, get_definitions},
    {post, "all-configuration", admin, post_definitions},

    {get, "aliveness-test/:vhost", vhost, test_aliveness},
    {get, "healthchecks/node", any, check_node},
    {get, "healthchecks/node/:node", any, check_node},
    {get, "health/checks/alarms", any, check_alarms},
    {get, "health/checks/local-alarms", any, check_alarms},
    {get, "health/checks/virtual-hosts", any, check_virtual_hosts},
    {get, "health/checks/port-listener/:port", any, check_port_listener},
    {get, "health/checks/protocol-listener/:protocol", any, check_protocol_listener},
    {get, "health/checks/node-is-quorum-critical", any, check_quorum_critical},
    {get, "health/checks/node-is-mirror-sync-critical", any, check_quorum_critical},
    {get, "health/checks/ready-to-serve-clients", any, check_ready},
    {get, "health/checks/is-in-service", any, check_ready},
    {get, "health/checks/below-node-connection-limit", any, check_connection_limit},
    {get, "health/checks/certificate-expiration/:within/:unit", any, check_certificate_expiration},
};

}  // namespace

std::span<const Route> api_routes() {
  return routes;
}

}  // namespace lepus::management
