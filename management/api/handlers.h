#pragma once

#include "management/context.h"
#include "management/response.h"
#include "management/task.h"

/// The handlers that the route table (management/routes.cc) names, one file for each noun.
namespace lepus::management::api {

// overview.cc
Task<Response> get_overview(const Context& context);
Response get_cluster_name(const Context& context);
Task<Response> put_cluster_name(const Context& context);
Response get_whoami(const Context& context);
Response get_auth(const Context& context);
Response get_extensions(const Context& context);
Response rebalance_queues(const Context& context);

// nodes.cc
Task<Response> list_nodes(const Context& context);
Task<Response> get_node(const Context& context);
Task<Response> get_node_memory(const Context& context);

// backup.cc
Response get_backup(const Context& context);
Response post_backup(const Context& context);

// connections.cc
Task<Response> list_connections(const Context& context);
Task<Response> list_vhost_connections(const Context& context);
Task<Response> get_connection(const Context& context);
Task<Response> close_connection(const Context& context);
Task<Response> list_user_connections(const Context& context);
Task<Response> close_user_connections(const Context& context);

// channels.cc
Task<Response> list_channels(const Context& context);
Task<Response> list_vhost_channels(const Context& context);
Task<Response> list_connection_channels(const Context& context);
Task<Response> get_channel(const Context& context);

// consumers.cc
Task<Response> list_consumers(const Context& context);
Task<Response> list_vhost_consumers(const Context& context);

// exchanges.cc
Response list_exchanges(const Context& context);
Response list_vhost_exchanges(const Context& context);
Response get_exchange(const Context& context);
Task<Response> put_exchange(const Context& context);
Task<Response> delete_exchange(const Context& context);
Task<Response> publish(const Context& context);

// queues.cc
Task<Response> list_queues(const Context& context);
Task<Response> list_vhost_queues(const Context& context);
Task<Response> get_queue(const Context& context);
Task<Response> put_queue(const Context& context);
Task<Response> delete_queue(const Context& context);
Task<Response> purge_queue(const Context& context);
Response act_on_queue(const Context& context);
// messages.cc
Task<Response> get_messages(const Context& context);
Task<Response> test_aliveness(const Context& context);

// bindings.cc
Response list_bindings(const Context& context);
Response list_vhost_bindings(const Context& context);
Response list_queue_bindings(const Context& context);
Response list_bindings_from(const Context& context);
Response list_bindings_to(const Context& context);
Response list_bindings_between(const Context& context);
Response get_binding(const Context& context);
Task<Response> post_binding(const Context& context);
Task<Response> delete_binding(const Context& context);

// vhosts.cc
Task<Response> list_vhosts(const Context& context);
Task<Response> get_vhost(const Context& context);
Task<Response> put_vhost(const Context& context);
Task<Response> delete_vhost(const Context& context);
Response start_vhost(const Context& context);

// users.cc
Response list_users(const Context& context);
Response list_users_without_permissions(const Context& context);
Response get_user(const Context& context);
Task<Response> put_user(const Context& context);
Task<Response> delete_user(const Context& context);
Task<Response> delete_users(const Context& context);
Response hash_password(const Context& context);

// permissions.cc
Response list_permissions(const Context& context);
Response list_vhost_permissions(const Context& context);
Response list_user_permissions(const Context& context);
Response get_permissions(const Context& context);
Task<Response> put_permissions(const Context& context);
Task<Response> delete_permissions(const Context& context);
Response list_topic_permissions(const Context& context);
Response list_vhost_topic_permissions(const Context& context);
Response list_user_topic_permissions(const Context& context);
Response get_topic_permissions(const Context& context);
Task<Response> put_topic_permissions(const Context& context);
Task<Response> delete_topic_permissions(const Context& context);

// limits.cc
Response list_vhost_limits(const Context& context);
Response get_vhost_limits(const Context& context);
Task<Response> put_vhost_limit(const Context& context);
Task<Response> delete_vhost_limit(const Context& context);
Response list_user_limits(const Context& context);
Response get_user_limits(const Context& context);
Task<Response> put_user_limit(const Context& context);
Task<Response> delete_user_limit(const Context& context);

// policies.cc
Response list_policies(const Context& context);
Response get_policy(const Context& context);
Task<Response> put_policy(const Context& context);
Task<Response> delete_policy(const Context& context);
Response list_operator_policies(const Context& context);
Response get_operator_policy(const Context& context);
Task<Response> put_operator_policy(const Context& context);
Task<Response> delete_operator_policy(const Context& context);

// feature_flags.cc
Response list_feature_flags(const Context& context);
Response enable_feature_flag(const Context& context);
Response list_deprecated_features(const Context& context);
Response list_used_deprecated_features(const Context& context);

// parameters.cc
Response list_parameters(const Context& context);
Response get_parameter(const Context& context);
Task<Response> put_parameter(const Context& context);
Task<Response> delete_parameter(const Context& context);
Response list_global_parameters(const Context& context);
Response get_global_parameter(const Context& context);
Task<Response> put_global_parameter(const Context& context);
Task<Response> delete_global_parameter(const Context& context);

// definitions.cc
Response get_definitions(const Context& context);
Response get_vhost_definitions(const Context& context);
// definitions_import.cc
Task<Response> post_definitions(const Context& context);
Task<Response> post_vhost_definitions(const Context& context);

// health_checks.cc
Task<Response> check_alarms(const Context& context);
Response check_virtual_hosts(const Context& context);
Response check_port_listener(const Context& context);
Response check_protocol_listener(const Context& context);
Response check_quorum_critical(const Context& context);
Response check_node(const Context& context);
Response check_connection_limit(const Context& context);
Task<Response> check_ready(const Context& context);
Response check_certificate_expiration(const Context& context);

}  // namespace lepus::management::api
