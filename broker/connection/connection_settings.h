#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lepus::connection {

/// What all connections of the broker share; constant while they run.
struct ConnectionSettings {
  std::uint16_t heartbeat_s = 60;          ///< offered in connection.tune
  std::uint32_t frame_max_bytes = 131072;  ///< offered, and the most a client may choose; 0: any
  std::uint16_t channel_max = 2047;        ///< offered, and the most a client may choose
  std::int64_t handshake_timeout_ms = 10000;
  /// How long a delivery may stay unacknowledged unless its consumer or queue says otherwise; 0:
  /// for ever.
  std::int64_t consumer_timeout_ms = 1800000;
  std::uint64_t max_message_size_bytes = 134217728;
  /// Open connections of all clients; nothing: as many as come.
  std::optional<std::int64_t> connection_max;
  /// Nothing: as many as come.
  std::optional<std::uint32_t> consumer_max_per_channel;
  /// Offered in this order; each is PLAIN, AMQPLAIN or EXTERNAL, which is for TLS alone.
  std::vector<std::string> mechanisms = {"PLAIN", "AMQPLAIN"};
  /// Users that may come from the own machine only.
  std::vector<std::string> loopback_users = {"guest"};
  std::string cluster_name = "rabbit@localhost";
  std::string node_name = "rabbit@localhost";
  std::string lepus_version = "0.1.0";
  /// Writes a warning to the log; any thread. Empty: nobody reads it.
  std::function<void(const std::string&)> warn;
};

/// The TLS session under a connection, for management and for logging in by certificate.
struct TlsDescription {
  std::string protocol;
  std::string cipher;
  std::string peer_certificate_subject;
  std::string peer_certificate_issuer;
  std::string peer_certificate_validity;
  /// The user that a verified certificate stands for; empty: nobody.
  std::string peer_certificate_login;
};

/// The two ends of a connection's socket.
struct PeerDescription {
  std::string peer_host;  ///< address without a port
  std::uint16_t peer_port = 0;
  std::string host;
  std::uint16_t port = 0;
  bool is_loopback = true;
  bool is_tls = false;

  /// "127.0.0.1:5000 -> 127.0.0.1:5672", the connection's name in management.
  [[nodiscard]] std::string name() const {
    return peer_host + ':' + std::to_string(peer_port) + " -> " + host + ':' + std::to_string(port);
  }
};

}  // namespace lepus::connection
