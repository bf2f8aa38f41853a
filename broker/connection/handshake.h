#pragma once

#include "amqp/frame.h"
#include "amqp/methods/connection.h"
#include "amqp/protocol_error.h"

namespace lepus::connection {

class Connection;

/// The way from the protocol header to connection.open-ok. Until tune-ok RabbitMQ answers mistakes
/// with silence: the socket is closed after 3 s without a frame.
class Handshake {
 public:
  /// The protocol header has come: connection.start.
  static void start(Connection& connection);
  /// A frame while start-ok, tune-ok or open is due.
  static void handle(Connection& connection, const amqp::Frame& frame);
  /// The input isn't AMQP: nothing more is read.
  static void refuse_input(Connection& connection, const amqp::ProtocolError& error);

 private:
  static void handle_start_ok(Connection& connection, const amqp::ConnectionStartOk& method);
  static void refuse_login(Connection& connection);
  static void handle_tune_ok(Connection& connection, const amqp::ConnectionTuneOk& method);
  static void handle_open(Connection& connection, const amqp::ConnectionOpen& method);
};

}  // namespace lepus::connection
