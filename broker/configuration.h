#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/transport/certificate_login.h"

namespace lepus {

/// Where a value came from, lowest rank first: a later one wins.
enum class OriginKind : std::uint8_t { built_in, file, environment, command_line };

/// Where a value came from, for messages and `--print-config`.
struct Origin {
  OriginKind kind = OriginKind::built_in;
  /// `/etc/lepus/lepus.conf:12`, `LEPUS_PORT`, `--port`; `default` for built-in values.
  std::string text = "default";
};

/// One `key = value` of any source, the key as rabbitmq.conf names it.
struct Assignment {
  std::string key;
  std::string value;
  Origin origin;
};

/// A socket to listen on.
struct Listener {
  /// The `default` of `listeners.tcp.default`.
  std::string name;
  /// An IP address, IPv6 without brackets; never empty after loading.
  std::string address;
  /// 0 stands for any free port.
  std::uint16_t port = 0;
  /// Somebody asked for this port: failing to bind it is fatal.
  bool required = false;

  bool operator==(const Listener&) const = default;
};

/// What a TLS listener needs; file names are as given, relative to the working directory.
struct TlsOptions {
  std::string certificate_file;
  std::string key_file;
  std::string ca_certificate_file;
  std::string password;
  bool verify_peer = false;
  bool fail_if_no_peer_certificate = false;
  /// Longest chain of intermediate certificates that is accepted.
  std::uint32_t depth = 1;
  /// `tlsv1.2`, `tlsv1.3`; empty stands for both.
  std::vector<std::string> versions;
};

/// A threshold in bytes, or as a share of something (total memory); bytes win.
struct Watermark {
  std::optional<std::uint64_t> absolute_bytes;
  std::optional<double> relative;
};

enum class StoreKind : std::uint8_t { rocksdb, memory };

enum class LogLevel : std::uint8_t {
  debug,
  info,
  notice,
  warning,
  error,
  critical,
  alert,
  emergency,
  none
};

/// The highest `shards`.
inline constexpr std::uint32_t shards_max = 64;

/// Every setting of the broker, with RabbitMQ's defaults. Made once by `load_configuration` before
/// anything else runs and constant from then on, so any thread may read it.
struct Configuration {
  // Listeners. An empty optional or list: not offered.
  std::string bind = "0.0.0.0";
  std::vector<Listener> amqp_listeners{{"default", "", 5672, false}};
  std::vector<Listener> amqp_tls_listeners;
  std::optional<Listener> management_listener{{"default", "", 15672, false}};
  std::optional<Listener> management_tls_listener;
  /// Off when only the management port was chosen by flag or environment: then 15692 may be another
  /// broker's.
  std::optional<Listener> prometheus_listener{{"default", "", 15692, false}};
  TlsOptions tls;
  /// For what it leaves out, `tls` holds (already filled in after loading).
  TlsOptions management_tls;
  std::string management_path_prefix;
  std::string prometheus_path = "/metrics";
  bool prometheus_per_object_metrics = false;
  std::uint32_t listen_backlog = 128;
  bool tcp_nodelay = true;
  bool tcp_keepalive = false;

  // The node.
  std::string data_dir = "./data";
  StoreKind store = StoreKind::rocksdb;
  /// 1 to shards_max; the default is the number of cores.
  std::uint32_t shards = 1;
  /// `rabbit@<host>`
  std::string node_name;
  /// The node's name if unset.
  std::string cluster_name;
  LogLevel log_level = LogLevel::info;
  bool log_to_console = true;
  /// Empty: no log file.
  std::string log_file;
  /// A JSON file of definitions to import at start; empty: none.
  std::string definitions_file;

  // The protocol.
  std::uint16_t heartbeat_s = 60;
  /// 0 stands for no limit, else at least 4096.
  std::uint32_t frame_max_bytes = 131072;
  /// 0 stands for 65535.
  std::uint16_t channel_max = 2047;
  std::uint32_t handshake_timeout_ms = 10000;
  std::uint32_t tls_handshake_timeout_ms = 5000;
  std::uint64_t max_message_size_bytes = 134217728;
  /// How long a delivery may stay unacknowledged before its channel is closed; 0: for ever.
  std::uint64_t consumer_timeout_ms = 1800000;
  /// Empty: no limit.
  std::optional<std::uint32_t> connection_max;
  /// Empty: no limit.
  std::optional<std::uint32_t> consumer_max_per_channel;
  /// Empty: no limit.
  std::optional<std::uint32_t> vhost_max;
  /// Offered in this order: PLAIN, AMQPLAIN, and EXTERNAL to clients with TLS.
  std::vector<std::string> auth_mechanisms{"PLAIN", "AMQPLAIN"};
  /// Who comes by EXTERNAL.
  transport::CertificateLogin certificate_login;
  /// Users that may log in over the loopback interface only.
  std::set<std::string> loopback_users{"guest"};

  // What a fresh node is given.
  std::string default_user = "guest";
  std::string default_password = "guest";
  std::string default_vhost = "/";
  std::set<std::string> default_user_tags{"administrator"};
  std::string default_permission_configure = ".*";
  std::string default_permission_write = ".*";
  std::string default_permission_read = ".*";
  std::string default_queue_type = "classic";

  // Resources and statistics.
  Watermark memory_high_watermark{.relative = 0.4};
  /// Replaces the memory that the system reports.
  std::optional<std::uint64_t> total_memory_bytes;
  Watermark disk_free_limit{.absolute_bytes = 50'000'000};
  std::uint32_t collect_statistics_interval_ms = 5000;

  /// Key (as in rabbitmq.conf) to its origin, for what is not built in.
  std::map<std::string, Origin> origins;
  /// For the log, once it exists: settings that are accepted and have no effect here.
  std::vector<std::string> warnings;
};

/// Everything that decides a configuration; what the machine says is handed in, so tests can choose
/// it.
struct ConfigurationSources {
  /// `--config` (or `LEPUS_CONFIG`): a file, or a folder of *.conf. It must exist. Without it the
  /// environment's RABBITMQ_CONFIG_FILE and RABBITMQ_CONFIG_FILES are read, else
  /// `default_config_file` and the conf.d beside it, as far as they exist.
  std::optional<std::string> config_file;
  std::string default_config_file = "/etc/lepus/lepus.conf";
  std::map<std::string, std::string> environment;
  std::vector<Assignment> command_line;
  std::string host_name = "localhost";
  std::uint32_t cores = 1;
};

/// The sources as this process sees them, without a command line.
[[nodiscard]] ConfigurationSources system_configuration_sources();

/// Reads files, then environment, then command line, each over the former, and checks the values.
/// The error holds one line per problem: `lepus.conf:3: unknown key 'hearbeat' (did you mean
/// 'heartbeat'?)`.
[[nodiscard]] Result<Configuration> load_configuration(const ConfigurationSources& sources);

/// All settings in rabbitmq.conf syntax, one per line in alphabetical order, each with its origin
/// as a comment. Passwords that are not the built-in one are masked.
[[nodiscard]] std::string print_configuration(const Configuration& configuration);

}  // namespace lepus
