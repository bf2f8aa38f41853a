#pragma once

#include <chrono>
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
  /// Of all answers that are being made or written; beyond it requests get 503.
  std::size_t answer_bytes_max = std::size_t{256} << 20U;
  /// Between two looks at what the broker has done; shorter for tests only.
  std::chrono::milliseconds sample_interval{5000};
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
  /// Nothing more is answered; @return whether the thread has ended within the limit. It ends after
  /// the request that it is just working on.
  bool begin_stop(std::chrono::milliseconds limit);
  /// Ends the thread, however long that takes, and closes all connections. Answers of the broker
  /// that come later are dropped.
  void stop();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace lepus::management
