#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/base/result.h"
#include "broker/model/broker_access.h"

namespace lepus::management {

struct ServerOptions {
  std::string bind = "0.0.0.0";  ///< an IP address, IPv6 without brackets
  std::uint16_t port = 15672;    ///< 0: any free one
  /// More clients than these are turned away.
  std::size_t connections_max = 1000;
};

/// The HTTP server of the management API, on a thread of its own.
class Server {
 public:
  /// @param access  outlives it
  Server(ServerOptions options, model::BrokerAccess& access);
  /// Stops if it runs.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and begins to serve. The error is one line with the address.
  Result<void> start();
  /// The port that was bound; any thread, after start().
  [[nodiscard]] std::uint16_t port() const;
  /// "127.0.0.1:15672", with brackets around IPv6.
  [[nodiscard]] std::string address() const;
  /// Closes all connections and ends the thread. Answers of the broker that come later are dropped.
  void stop();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace lepus::management
