#include "broker/configuration_keys.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace lepus::configuration {

namespace {

/// The keys of RabbitMQ 3.13 and its plugins that have no effect here.
constexpr auto ignored_patterns = std::to_array<std::string_view>({
    "amqp10_client.**",
    "amqp1_0.**",
    "amqp1_client.**",
    "amqp_client.**",
    "anonymous_login_pass",
    "anonymous_login_user",
    "auth_backends.**",
    "auth_cache.**",
    "auth_http.**",
    "auth_ldap.**",
    "auth_oauth2.**",
    "aws.**",
    "background_gc_enabled",
    "background_gc_target_interval",
    "channel_interceptor.**",
    "channel_max_per_node",
    "classic_queue.default_version",
    "cluster_exchange_limit",
    "cluster_formation.**",
    "cluster_keepalive_interval",
    "cluster_partition_handling",
    "cluster_partition_handling.**",
    "cluster_queue_limit",
    "cluster_tags.*",
    "collect_statistics",
    "consumer_disconnected_timeout",
    "credential_validator.**",
    "default_limits.**",
    "default_policies.**",
    "default_users.**",
    "default_worker_pool_size",
    "definitions.hashing.algorithm",
    "definitions.https.url",
    "definitions.import_backend",
    "definitions.skip_if_unchanged",
    "definitions.tls.**",
    "delegate_count",
    "deprecated_features.**",
    "distribution.**",
    "erlang.K",
    "event_exchange.**",
    "exchange_federation.**",
    "exchange_types.**",
    "hipe_compile",
    "initial_frame_max",
    "link_max_per_session",
    "log.channel.**",
    "log.connection.**",
    "log.console.color_esc_seqs.*",
    "log.console.formatter.**",
    "log.console.formatter|stdio|use_colors",
    "log.default.rotation.**",
    "log.dir",
    "log.error_logger_format_depth",
    "log.exchange",
    "log.exchange.**",
    "log.federation.**",
    "log.file.formatter.**",
    "log.file.formatter|level",
    "log.file.rotation.*",
    "log.journald",
    "log.journald.**",
    "log.mirroring.**",
    "log.prelaunch.**",
    "log.queue.**",
    "log.ra.**",
    "log.summarize_process_state",
    "log.syslog",
    "log.syslog.**",
    "log.upgrade.**",
    "log.user.**",
    "management.cors.**",
    "management.credential_encryption_secret",
    "management.csp.**",
    "management.db_cache_multiplier",
    "management.definitions.**",
    "management.delegate_count",
    "management.disable_basic_auth",
    "management.disable_stats",
    "management.enable_queue_totals",
    "management.enable_uaa",
    "management.headers.**",
    "management.hsts.**",
    "management.http.**",
    "management.http_log_dir",
    "management.listener.server.**",
    "management.listener.ssl",
    "management.listener.ssl_opts.**",
    "management.login_session_timeout",
    "management.oauth_authorization_endpoint_params.**",
    "management.oauth_client_id",
    "management.oauth_client_secret",
    "management.oauth_disable_basic_auth",
    "management.oauth_enabled",
    "management.oauth_initiated_logon_type",
    "management.oauth_metadata_url",
    "management.oauth_provider_url",
    "management.oauth_resource_servers.**",
    "management.oauth_response_type",
    "management.oauth_scopes",
    "management.oauth_token_endpoint_params.**",
    "management.rates_mode",
    "management.require_auth_for_api_reference",
    "management.restrictions.**",
    "management.sample_retention_policies.**",
    "management.ssl.ciphers.*",
    "management.ssl.ciphers|client_renegotiation|honor_cipher_order|honor_ecc_order|"
    "reuse_sessions|secure_renegotiate",

    "management.ssl.compress|idle_timeout|inactivity_timeout|max_connections|max_keepalive|"
    "request_timeout|shutdown_timeout|backlog",

    "management.tcp.compress|idle_timeout|inactivity_timeout|max_connections|max_keepalive|"
    "request_timeout|shutdown_timeout",
    "management.uaa_client_id",
    "management.uaa_location",
    "management_agent.**",
    "max_channels_per_connection",
    "memory_monitor_interval",
    "message_interceptors.**",
    "message_store_shutdown_timeout",
    "metadata_store.**",
    "mirroring_sync_batch_size",
    "mirroring_sync_max_throughput",
    "mnesia_table_loading_retry_limit",
    "mnesia_table_loading_retry_timeout",
    "motd_file",
    "mqtt.**",
    "net_ticktime",
    "node_tags.*",
    "num_acceptors.ssl",
    "num_acceptors.tcp",
    "password_hashing_module",
    "prevent_startup_if_node_was_reset",
    "product.name",
    "product.version",
    "prometheus.authentication.enabled",
    "prometheus.filter_aggregated_queue_metrics_pattern",
    "prometheus.ssl.**",
    "prometheus.tcp.compress|idle_timeout|inactivity_timeout|max_connections|max_keepalive|"
    "request_timeout|shutdown_timeout",
    "prometheus.tcp.listener",
    "proxy_protocol",
    "queue_federation.**",
    "queue_index_embed_msgs_below",
    "queue_leader_locator",
    "queue_master_locator",
    "queue_types.**",
    "quorum_queue.**",
    "raft.**",
    "ranch_connection_max",
    "reverse_dns_lookups",
    "runtime_parameters.**",
    "session_max_per_connection",
    "shovel.**",
    "socket_writer.gc_threshold",
    "ssl_allow_poodle_attack",
    "ssl_options.cacerts|ciphers|key.*",
    "ssl_options.ciphers|client_renegotiation|honor_cipher_order|honor_ecc_order|"
    "reuse_sessions|secure_renegotiate|bypass_pem_cache|cert|crl_check|dh|dhfile|log_alert|"
    "log_level|psk_identity",
    "ssl_options.crl_sources.**",
    "stomp.**",
    "stream.**",
    "sysmon_handler.**",
    "tcp_listen_options.buffer|delay_send|dontroute|exit_on_close|fd|high_msgq_watermark|"
    "high_watermark|low_msgq_watermark|low_watermark|port|priority|recbuf|send_timeout|"
    "send_timeout_close|sndbuf|tos",
    "tcp_listen_options.linger.on|timeout",
    "tracing.**",
    "trust_store.**",
    "vhost_restart_strategy",
    "vm_memory_calculation_strategy",
    "vm_memory_high_watermark_paging_ratio",
    "web_mqtt.**",
    "web_stomp.**",
});

/// The first part of a dotted key; `key` keeps what is behind the dot.
std::string_view take_part(std::string_view& key) {
  const auto dot = std::min(key.find('.'), key.size());
  const auto part = key.substr(0, dot);
  key.remove_prefix(std::min(dot + 1, key.size()));
  return part;
}

/// Whether `part` is one of `alternatives`, which stand between bars.
bool is_one_of(std::string_view part, std::string_view alternatives) {
  while (true) {
    const auto bar = std::min(alternatives.find('|'), alternatives.size());
    if (alternatives.substr(0, bar) == part) {
      return true;
    }
    if (bar == alternatives.size()) {
      return false;
    }
    alternatives.remove_prefix(bar + 1);
  }
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour.
std::size_t typing_errors(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before(to.size() + 1);
  std::vector<std::size_t> last(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[to.size()];
}

}  // namespace

bool matches(std::string_view pattern, std::string_view key, std::string_view* name) {
  bool named = false;
  while (!pattern.empty() && !key.empty()) {
    const auto rest = key;
    const auto expected = take_part(pattern);
    const auto part = take_part(key);
    if (expected.starts_with('*')) {
      if (name != nullptr && !named) {
        *name = rest;
        named = true;
      }
      if (expected == "**") {
        return true;
      }
    } else if (!is_one_of(part, expected)) {
      return false;
    }
  }
  return pattern.empty() && key.empty();
}

bool is_ignored_key(std::string_view key) {
  return std::any_of(ignored_patterns.begin(), ignored_patterns.end(),
                     [&](std::string_view pattern) { return matches(pattern, key); });
}

std::string closest_key(std::string_view key, std::span<const std::string> candidates) {
  std::string best;
  std::size_t fewest = std::max<std::size_t>(2, key.size() / 4) + 1;
  const auto consider = [&](std::string_view candidate) {
    const auto errors = typing_errors(key, candidate);
    if (errors < fewest) {
      fewest = errors;
      best = candidate;
    }
  };
  for (const auto& candidate : candidates) {
    consider(candidate);
  }
  for (const auto pattern : ignored_patterns) {
    if (pattern.find_first_of("*|") == std::string_view::npos) {
      consider(pattern);
    }
  }
  return best;
}

}  // namespace lepus::configuration
