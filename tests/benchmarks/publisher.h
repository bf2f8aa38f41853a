#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "tests/benchmarks/confirm_tracker.h"
#include "tests/benchmarks/endpoint.h"
#include "tests/benchmarks/options.h"
#include "tests/benchmarks/publish_buffer.h"

namespace lepus::benchmarks {

/// When a publisher's messages are due.
struct Pace {
  /// Between two messages of this publisher; 0 is as fast as possible.
  double interval_ns = 0;
  /// Of the first message, so that publishers take turns.
  double offset_ns = 0;
  std::int64_t tick_ns = 1;

  /// When a message is due, counted from the start: the tick at or after its moment.
  [[nodiscard]] std::int64_t due_ns(std::uint64_t message) const {
    const double exact = offset_ns + interval_ns * static_cast<double>(message);
    return (static_cast<std::int64_t>(exact) + tick_ns - 1) / tick_ns * tick_ns;
  }
};

/// How many of the messages in flight are this publisher's.
struct InFlightShare {
  /// 0 is no limit.
  std::uint64_t limit = 0;
  /// Deliveries of all consumers that make one message of this publisher.
  std::uint64_t deliveries_per_message = 1;
};

/// A connection that publishes, with the channels 1 to n already open (and in confirm mode).
class Publisher final : public Endpoint {
 public:
  /// `messages` of 0 is no limit; `in_flight` likewise.
  Publisher(int socket, WorkerContext& context, const RunOptions& options, PublishBuffer buffer,
            Pace pace, std::uint64_t messages, InFlightShare in_flight = {});

  std::int64_t pump(std::int64_t turn_ns) override;

  /// For the frame scanner.
  void on_method(std::uint16_t channel, const char* payload, std::size_t size_bytes);

  void on_body(std::uint16_t /*channel*/, const char* /*payload*/) {}

  /// Messages that were due by the end but not sent: the broker did not take the rate. After the
  /// worker has ended.
  [[nodiscard]] std::uint64_t behind() const;

 private:
  /// Chooses and stamps the messages of the next batch; false if none may be sent now.
  bool prepare_batch(std::int64_t turn_ns);

  /// When the next turn makes sense without an event.
  [[nodiscard]] std::int64_t next_turn_ns(std::int64_t turn_ns) const;

  void settle(std::uint16_t channel, const char* payload, Counter& counter);
  void note_confirm(std::int64_t stamp_ns);
  void flush_confirms();

  [[nodiscard]] bool may_send(std::int64_t turn_ns) const;
  void update_finished();

  /// How many more messages the limit of messages in flight allows.
  [[nodiscard]] std::uint64_t in_flight_room() const;

  PublishBuffer buffer_;
  Pace pace_;
  std::uint64_t messages_;
  InFlightShare in_flight_;
  bool stamped_;
  bool delays_;
  std::minstd_rand random_;
  std::uniform_int_distribution<std::uint32_t> delay_ms_;
  std::size_t channels_;
  std::vector<ConfirmTracker> trackers_;

  std::int64_t start_ns_ = 0;
  std::int64_t turn_ns_ = 0;
  /// Messages put into batches so far, and where the next one is in the buffer.
  std::uint64_t prepared_ = 0;
  std::size_t next_message_ = 0;
  /// What is left of the current batch, and how many messages it holds.
  std::string_view unsent_;
  std::size_t batch_count_ = 0;
  std::size_t outstanding_ = 0;
  bool finished_ = false;

  /// Confirms of equal stamps are recorded together.
  std::int64_t run_stamp_ns_ = 0;
  std::uint64_t run_count_ = 0;
};

}  // namespace lepus::benchmarks
