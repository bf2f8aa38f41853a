#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include "broker/base/result.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// A client that asks, and the server that answers it, each with a connection and a queue of its
/// own. The server has a thread.
class RpcPair {
 public:
  /// @param index  tells the queues of several pairs apart
  [[nodiscard]] static Result<std::unique_ptr<RpcPair>> connect(const Target& target,
                                                                std::size_t index,
                                                                std::size_t size_bytes);
  ~RpcPair();
  RpcPair(const RpcPair&) = delete;
  RpcPair& operator=(const RpcPair&) = delete;

  /// Sends a request and waits for its reply.
  [[nodiscard]] Result<void> round_trip();

 private:
  /// One end: it consumes its queue and publishes to the other's.
  struct End {
    Client client;
    std::string message;
  };

  RpcPair(End requester, End server);

  [[nodiscard]] static Result<End> connect_end(const Target& target, const std::string& own_queue,
                                               const std::string& other_queue,
                                               std::size_t size_bytes);
  void serve();

  End requester_;
  End server_;
  std::thread thread_;
};

}  // namespace lepus::benchmarks
