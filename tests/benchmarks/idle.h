#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// Connections and queues that are there and do nothing.
struct IdleOptions {
  Target target;
  /// With one channel each.
  std::size_t connections = 0;
  std::size_t queues = 0;
  bool durable = false;
  /// Of each queue, to amq.direct.
  std::size_t bindings = 0;
  /// The broker's process; 0 is unknown.
  int broker_pid = 0;
};

/// Holds them until it is destroyed.
class IdleCrowd {
 public:
  /// Makes connections first, then queues.
  [[nodiscard]] static Result<IdleCrowd> gather(const IdleOptions& options);

  /// What the broker's resident memory grew by, for each of them; 0 if that is not known.
  [[nodiscard]] double bytes_per_connection() const { return bytes_per_connection_; }

  [[nodiscard]] double bytes_per_queue() const { return bytes_per_queue_; }

 private:
  Result<void> connect(const IdleOptions& options);
  Result<void> declare(const IdleOptions& options);

  std::vector<Client> clients_;
  double bytes_per_connection_ = 0;
  double bytes_per_queue_ = 0;
};

}  // namespace lepus::benchmarks
