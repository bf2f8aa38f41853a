#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/benchmarks/endpoint.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// A connection that consumes, with the channels 1 to n already open and limited. It subscribes
/// when the run's state allows it.
class Consumer final : public Endpoint {
 public:
  Consumer(int socket, WorkerContext& context, const RunOptions& options,
           const std::vector<std::string>& queues);

  std::int64_t pump(std::int64_t turn_ns) override;

  /// For the frame scanner.
  void on_method(std::uint16_t channel, const char* payload, std::size_t size_bytes);
  void on_body(std::uint16_t channel, const char* payload);

 private:
  struct Channel {
    /// Deliveries so far, which is also the latest delivery tag.
    std::uint64_t delivered = 0;
    std::uint64_t acked = 0;
  };

  void on_rare_method(std::string_view method);
  void append_ack(std::uint16_t number, Channel& channel);
  void ack_the_rest();
  void flush_stamps();
  void flush_output();

  bool auto_ack_;
  bool stamped_;
  bool in_flight_limited_;
  std::uint64_t ack_every_;
  std::vector<Channel> channels_;
  /// The basic.consume frames, until they are sent.
  std::string subscriptions_;
  std::string output_;
  std::size_t output_sent_bytes_ = 0;

  std::int64_t last_delivery_ns_ = 0;
  /// Deliveries of the current read.
  std::uint64_t read_count_ = 0;
  /// Deliveries of equal stamps are recorded together.
  std::int64_t run_stamp_ns_ = 0;
  std::uint64_t run_count_ = 0;
};

}  // namespace lepus::benchmarks
