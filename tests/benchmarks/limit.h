#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/base/result.h"
#include "tests/benchmarks/histogram.h"

namespace lepus::benchmarks {

/// What a relay costs that moves octets between two loopback sockets without understanding them: a
/// broker can't be cheaper.
struct RelayResult {
  std::uint64_t bytes = 0;
  double seconds = 0;
  /// CPU time of the relaying thread alone.
  std::int64_t cpu_ns = 0;
};

/// Relays for so long, with reads of so many octets.
[[nodiscard]] Result<RelayResult> measure_relay(std::size_t read_bytes, double duration_s);

/// Round trips of a few octets between two threads, by way of a relay that waits for both with
/// epoll as a broker does: a broker's request and reply can't be quicker.
struct PingPongResult {
  std::uint64_t round_trips = 0;
  double seconds = 0;
};

[[nodiscard]] Result<PingPongResult> measure_ping_pong(std::size_t size_bytes, double duration_s);

/// What appending to a file and waiting for the disk costs: no confirm of a persistent message can
/// come earlier.
struct FsyncResult {
  double seconds = 0;
  std::int64_t cpu_ns = 0;
  Histogram latency;
};

/// Appends so many octets and calls fdatasync, for so long, to a new file in the folder that is
/// removed afterwards. With `preallocate` the file has its size beforehand.
[[nodiscard]] Result<FsyncResult> measure_fsync(const std::string& folder, std::size_t size_bytes,
                                                bool preallocate, double duration_s);

/// What this generator itself costs with a broker that takes and gives as much as it can: a broker
/// that is cheaper than this can't be measured with it.
struct GeneratorResult {
  std::uint64_t published = 0;
  std::int64_t publish_cpu_ns = 0;
  std::uint64_t delivered = 0;
  std::int64_t deliver_cpu_ns = 0;
};

/// Publishes into a socket that is only read, and consumes from one that is only written.
[[nodiscard]] Result<GeneratorResult> measure_generator(std::size_t size_bytes, double duration_s);

}  // namespace lepus::benchmarks
