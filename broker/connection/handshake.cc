#include "broker/connection/handshake.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/method_codec.h"
#include "broker/base/printable.h"
#include "broker/connection/channel.h"
#include "broker/connection/connection.h"
#include "broker/connection/sasl.h"
#include "broker/connection/shard_connections.h"

namespace lepus::connection {

namespace {

/// RabbitMQ takes tune-ok's 0 for "no limit" and refuses it where the server has one.
bool is_within(std::uint32_t value, std::uint32_t smallest, std::uint32_t largest) {
  return value >= smallest && (largest == 0 || value <= largest);
}

/// Plain sockets have no certificates.
bool is_offered(std::string_view mechanism, const ConnectionSettings& settings, bool is_tls) {
  return std::ranges::find(settings.mechanisms, mechanism) != settings.mechanisms.end() &&
         (is_tls || mechanism != external_mechanism);
}

/// "PLAIN AMQPLAIN".
std::string offered(const ConnectionSettings& settings, bool is_tls) {
  std::string text;
  for (const std::string& mechanism : settings.mechanisms) {
    if (is_offered(mechanism, settings, is_tls)) {
      text += (text.empty() ? "" : " ") + mechanism;
    }
  }
  return text;
}

/// By certificate or by password; nothing if the response is malformed.
/// @param tls  null: the socket is a plain one
std::optional<Result<model::User>> log_in(const model::Topology& topology,
                                          const PeerDescription& peer, const TlsDescription* tls,
                                          const amqp::ConnectionStartOk& method) {
  if (method.mechanism == external_mechanism) {
    if (tls == nullptr || tls->peer_certificate_login.empty()) {
      return fail("the client has shown no certificate with a user's name");
    }
    return topology.authenticate_certified(tls->peer_certificate_login, peer.is_loopback);
  }
  const auto credentials = parse_sasl_response(method.mechanism, method.response.bytes);
  if (!credentials) {
    return std::nullopt;
  }
  return topology.authenticate(credentials->user, credentials->password, peer.is_loopback);
}

/// Where no limit was agreed on, a frame may hold a whole message, but no client may fill the
/// memory with one.
std::uint32_t largest_frame_bytes(const ConnectionSettings& settings, std::uint32_t agreed_bytes) {
  if (agreed_bytes != 0) {
    return agreed_bytes;
  }
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  constexpr std::uint64_t least = 131072;
  return static_cast<std::uint32_t>(
      std::clamp(settings.max_message_size_bytes + amqp::frame_overhead_bytes, least, most));
}

/// Why a client was sent away stands in the log only.
void warn(const Connection& connection, const ConnectionSettings& settings, std::string_view state,
          const std::string& reason) {
  if (settings.warn) {
    settings.warn("Error on AMQP connection " + connection.peer().name() +
                  " (state: " + std::string{state} + "): " + printable(reason));
  }
}

/// In RabbitMQ's order: limit of the node, existence and limit of the vhost, limit of the user,
/// access.
std::optional<std::string> why_not_opened(ShardConnections& host, const std::string& user,
                                          std::string_view vhost) {
  const auto& connection_max = host.settings().connection_max;
  if (connection_max && host.counts().connections() >= *connection_max) {
    return "connection refused: node connection limit (" + std::to_string(*connection_max) +
           ") is reached";
  }
  const auto described = host.topology().find_vhost(vhost);
  if (described && described->max_connections && *described->max_connections >= 0 &&
      host.counts().connections_of_vhost(vhost) >= *described->max_connections) {
    return "access to vhost '" + std::string{vhost} + "' refused for user '" + user +
           "': connection limit (" + std::to_string(*described->max_connections) + ") is reached";
  }
  const auto limits = host.topology().find_user(user);
  if (described && limits && limits->limits.max_connections &&
      *limits->limits.max_connections >= 0 &&
      host.counts().of_user(user).connections >= *limits->limits.max_connections) {
    return "connection refused for user '" + user + "': user connection limit (" +
           std::to_string(*limits->limits.max_connections) + ") is reached";
  }
  const auto error = host.topology().check_vhost_access(user, vhost);
  return error ? std::optional{error->text} : std::nullopt;
}

}  // namespace

void Handshake::start(Connection& connection) {
  connection.state_ = Connection::State::awaiting_start_ok;
  const std::string mechanisms = offered(connection.host_.settings(), connection.peer_.is_tls);
  connection.send(0,
                  amqp::ConnectionStart{.version_major = 0,
                                        .version_minor = 9,
                                        .server_properties = {connection.host_.server_properties()},
                                        .mechanisms = {mechanisms},
                                        .locales = {"en_US"}});
}

void Handshake::handle(Connection& connection, const amqp::Frame& frame) {
  const bool is_method = frame.channel.value == 0 && frame.type == amqp::FrameType::method;
  const std::uint32_t key = is_method ? amqp::peek_method_key(frame.payload) : 0;
  const std::string_view arguments =
      is_method ? frame.payload.substr(amqp::method_ids_bytes) : std::string_view{};
  if (connection.state_ == Connection::State::awaiting_start_ok) {
    amqp::ConnectionStartOk method;
    if (key == amqp::method_key<amqp::ConnectionStartOk> &&
        amqp::decode_arguments(arguments, method)) {
      handle_start_ok(connection, method);
      return;
    }
  } else if (connection.state_ == Connection::State::awaiting_tune_ok) {
    amqp::ConnectionTuneOk method;
    if (key == amqp::method_key<amqp::ConnectionTuneOk> &&
        amqp::decode_arguments(arguments, method)) {
      handle_tune_ok(connection, method);
      return;
    }
  } else {
    amqp::ConnectionOpen method;
    if (key == amqp::method_key<amqp::ConnectionOpen> &&
        amqp::decode_arguments(arguments, method)) {
      if (amqp::has_valid_texts(method)) {
        handle_open(connection, method);
      } else {
        connection.fail(malformed_text(amqp::id_of_method<amqp::ConnectionOpen>));
      }
      return;
    }
    if (key == amqp::method_key<amqp::ConnectionClose>) {
      connection.handle_close();
      return;
    }
    connection.fail({amqp::ReplyCode::channel_error,
                     "unexpected method in connection state opening",
                     is_method ? amqp::peek_method_id(frame.payload) : amqp::MethodId{}});
    return;
  }
  connection.refuse_silently();
}

void Handshake::refuse_input(Connection& connection, const amqp::ProtocolError& error) {
  connection.input_refused_ = true;
  connection.fail(error);
}

void Handshake::handle_start_ok(Connection& connection, const amqp::ConnectionStartOk& method) {
  connection.client_properties_ = std::string{method.client_properties.bytes};
  connection.mechanism_ = std::string{method.mechanism};
  connection.consumer_cancel_notify_ = connection.client_can("consumer_cancel_notify");
  connection.connection_blocked_ = connection.client_can("connection.blocked");
  const ConnectionSettings& settings = connection.host_.settings();
  if (!is_offered(method.mechanism, settings, connection.peer_.is_tls)) {
    warn(connection, settings, "starting",
         "unsupported authentication mechanism '" + connection.mechanism_ + '\'');
    connection.refuse_silently();
    return;
  }
  const auto user =
      log_in(connection.host_.topology(), connection.peer_, connection.tls_.get(), method);
  if (!user) {
    warn(connection, settings, "starting",
         connection.mechanism_ + " login refused: the response is malformed");
    connection.refuse_silently();
    return;
  }
  if (!*user) {
    warn(connection, settings, "starting",
         connection.mechanism_ + " login refused: " + user->error().text);
    refuse_login(connection);
    return;
  }
  connection.user_ = (*user)->name;
  connection.state_ = Connection::State::awaiting_tune_ok;
  connection.send(0, amqp::ConnectionTune{.channel_max = settings.channel_max,
                                          .frame_max = settings.frame_max_bytes,
                                          .heartbeat = settings.heartbeat_s});
}

void Handshake::refuse_login(Connection& connection) {
  if (!connection.client_can("authentication_failure_close")) {
    connection.refuse_silently();
    return;
  }
  connection.send_close({amqp::ReplyCode::access_refused,
                         "Login was refused using authentication mechanism " +
                             connection.mechanism_ + ". For details see the broker logfile.",
                         {}});
}

void Handshake::handle_tune_ok(Connection& connection, const amqp::ConnectionTuneOk& method) {
  const ConnectionSettings& settings = connection.host_.settings();
  if (!is_within(method.frame_max, settings.frame_max_bytes == 0 ? 0 : amqp::frame_min_bytes,
                 settings.frame_max_bytes) ||
      !is_within(method.channel_max, settings.channel_max == 0 ? 0 : 1, settings.channel_max)) {
    connection.refuse_silently();
    return;
  }
  connection.frame_max_bytes_ = largest_frame_bytes(settings, method.frame_max);
  connection.parser_.set_frame_max_bytes(connection.frame_max_bytes_);
  connection.channel_max_ =
      method.channel_max == 0 ? std::uint16_t{UINT16_MAX} : method.channel_max;
  connection.heartbeat_s_ = method.heartbeat;
  connection.state_ = Connection::State::awaiting_open;
  connection.start_heartbeats();
}

void Handshake::handle_open(Connection& connection, const amqp::ConnectionOpen& method) {
  ShardConnections& host = connection.host_;
  const std::string& user = connection.user_;
  const std::string_view vhost = method.virtual_host;
  if (const auto why = why_not_opened(host, user, vhost)) {
    warn(connection, host.settings(), "opening", *why);
    connection.fail({amqp::ReplyCode::not_allowed, *why, amqp::id_of_method<amqp::ConnectionOpen>});
    return;
  }
  connection.enter_vhost(vhost);
  host.counts().add_connection(vhost, user, 1);
  connection.counted_ = true;
  connection.state_ = Connection::State::running;
  connection.deadline_ms_ = Connection::never_ms;
  connection.send(0, amqp::ConnectionOpenOk{});
}

}  // namespace lepus::connection
