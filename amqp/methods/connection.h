#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// connection.start (10,10). Opens the negotiation; the server's first method.
struct ConnectionStart {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "connection.start";
  static constexpr bool has_content = false;

  std::uint8_t version_major = 0;
  std::uint8_t version_minor = 9;
  FieldTableView server_properties;
  LongString mechanisms;
  LongString locales;

  static void visit_fields(auto& self, auto&& visit) {
    visit("version-major", self.version_major);
    visit("version-minor", self.version_minor);
    visit("server-properties", self.server_properties);
    visit("mechanisms", self.mechanisms);
    visit("locales", self.locales);
  }

  friend bool operator==(const ConnectionStart&, const ConnectionStart&) = default;
};

/// connection.start-ok (10,11). Chooses a SASL mechanism and answers its first challenge.
struct ConnectionStartOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "connection.start-ok";
  static constexpr bool has_content = false;

  FieldTableView client_properties;
  std::string_view mechanism;
  LongString response;
  std::string_view locale;

  static void visit_fields(auto& self, auto&& visit) {
    visit("client-properties", self.client_properties);
    visit("mechanism", self.mechanism);
    visit("response", self.response);
    visit("locale", self.locale);
  }

  friend bool operator==(const ConnectionStartOk&, const ConnectionStartOk&) = default;
};

/// connection.secure (10,20). A further SASL challenge.
struct ConnectionSecure {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "connection.secure";
  static constexpr bool has_content = false;

  LongString challenge;

  static void visit_fields(auto& self, auto&& visit) { visit("challenge", self.challenge); }

  friend bool operator==(const ConnectionSecure&, const ConnectionSecure&) = default;
};

/// connection.secure-ok (10,21). The answer to a SASL challenge.
struct ConnectionSecureOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "connection.secure-ok";
  static constexpr bool has_content = false;

  LongString response;

  static void visit_fields(auto& self, auto&& visit) { visit("response", self.response); }

  friend bool operator==(const ConnectionSecureOk&, const ConnectionSecureOk&) = default;
};

/// connection.tune (10,30). Proposes limits: frame_max in octets, heartbeat in seconds.
struct ConnectionTune {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 30;
  static constexpr std::string_view name = "connection.tune";
  static constexpr bool has_content = false;

  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("channel-max", self.channel_max);
    visit("frame-max", self.frame_max);
    visit("heartbeat", self.heartbeat);
  }

  friend bool operator==(const ConnectionTune&, const ConnectionTune&) = default;
};

/// connection.tune-ok (10,31). The client's limits: frame_max in octets, heartbeat in seconds.
struct ConnectionTuneOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 31;
  static constexpr std::string_view name = "connection.tune-ok";
  static constexpr bool has_content = false;

  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("channel-max", self.channel_max);
    visit("frame-max", self.frame_max);
    visit("heartbeat", self.heartbeat);
  }

  friend bool operator==(const ConnectionTuneOk&, const ConnectionTuneOk&) = default;
};

/// connection.open (10,40). Selects the virtual host.
struct ConnectionOpen {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 40;
  static constexpr std::string_view name = "connection.open";
  static constexpr bool has_content = false;

  std::string_view virtual_host;
  std::string_view reserved_1;
  bool reserved_2 = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("virtual-host", self.virtual_host);
    visit("reserved-1", self.reserved_1);
    visit("reserved-2", self.reserved_2);
  }

  friend bool operator==(const ConnectionOpen&, const ConnectionOpen&) = default;
};

/// connection.open-ok (10,41). The connection is ready; known_hosts is always empty.
struct ConnectionOpenOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 41;
  static constexpr std::string_view name = "connection.open-ok";
  static constexpr bool has_content = false;

  std::string_view known_hosts;

  static void visit_fields(auto& self, auto&& visit) { visit("known-hosts", self.known_hosts); }

  friend bool operator==(const ConnectionOpenOk&, const ConnectionOpenOk&) = default;
};

/// connection.close (10,50). Closes the connection, giving the reason and the method at fault (0, 0
/// for none).
struct ConnectionClose {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 50;
  static constexpr std::string_view name = "connection.close";
  static constexpr bool has_content = false;

  std::uint16_t reply_code = 0;
  std::string_view reply_text;
  std::uint16_t failing_class_id = 0;
  std::uint16_t failing_method_id = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reply-code", self.reply_code);
    visit("reply-text", self.reply_text);
    visit("failing-class-id", self.failing_class_id);
    visit("failing-method-id", self.failing_method_id);
  }

  friend bool operator==(const ConnectionClose&, const ConnectionClose&) = default;
};

/// connection.close-ok (10,51). Confirms the close.
struct ConnectionCloseOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 51;
  static constexpr std::string_view name = "connection.close-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ConnectionCloseOk&, const ConnectionCloseOk&) = default;
};

/// connection.blocked (10,60). RabbitMQ: publishing is held up by an alarm.
struct ConnectionBlocked {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 60;
  static constexpr std::string_view name = "connection.blocked";
  static constexpr bool has_content = false;

  std::string_view reason;

  static void visit_fields(auto& self, auto&& visit) { visit("reason", self.reason); }

  friend bool operator==(const ConnectionBlocked&, const ConnectionBlocked&) = default;
};

/// connection.unblocked (10,61). RabbitMQ: publishing goes on.
struct ConnectionUnblocked {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 61;
  static constexpr std::string_view name = "connection.unblocked";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ConnectionUnblocked&, const ConnectionUnblocked&) = default;
};

/// connection.update-secret (10,70). RabbitMQ: replaces the credentials of a running connection.
struct ConnectionUpdateSecret {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 70;
  static constexpr std::string_view name = "connection.update-secret";
  static constexpr bool has_content = false;

  LongString new_secret;
  std::string_view reason;

  static void visit_fields(auto& self, auto&& visit) {
    visit("new-secret", self.new_secret);
    visit("reason", self.reason);
  }

  friend bool operator==(const ConnectionUpdateSecret&, const ConnectionUpdateSecret&) = default;
};

/// connection.update-secret-ok (10,71). The new secret is in use.
struct ConnectionUpdateSecretOk {
  static constexpr std::uint16_t class_id = connection_class_id;
  static constexpr std::uint16_t method_id = 71;
  static constexpr std::string_view name = "connection.update-secret-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ConnectionUpdateSecretOk&,
                         const ConnectionUpdateSecretOk&) = default;
};

}  // namespace lepus::amqp
