#include "tests/benchmarks/publisher.h"

#include <algorithm>
#include <utility>

#include "amqp/byte_order.h"
#include "amqp/methods/basic.h"
#include "amqp/methods/channel.h"
#include "amqp/methods/connection.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/clock.h"

namespace lepus::benchmarks {

namespace {

constexpr std::int64_t start_poll_ns = 500'000;
constexpr std::int64_t in_flight_poll_ns = 300'000;
/// How much later than the end a message leaves that was due before it.
constexpr std::int64_t grace_ns = 200'000'000;
constexpr std::int64_t idle_ns = 100'000'000;

}  // namespace

Publisher::Publisher(int socket, WorkerContext& context, const RunOptions& options,
                     PublishBuffer buffer, Pace pace, std::uint64_t messages,
                     InFlightShare in_flight)
    : Endpoint(socket, context),
      buffer_(std::move(buffer)),
      pace_(pace),
      messages_(messages == 0 ? UINT64_MAX : messages),
      in_flight_(in_flight),
      stamped_(options.stamped()),
      delays_(options.delays()),
      delay_ms_(options.delay_min_ms, std::max(options.delay_min_ms, options.delay_max_ms)),
      channels_(options.channels) {
  if (options.confirms()) {
    trackers_.assign(options.channels, ConfirmTracker{options.confirm_window});
  }
}

std::int64_t Publisher::pump(std::int64_t turn_ns) {
  turn_ns_ = turn_ns;
  if (readable_) {
    read_frames(*this);
    flush_confirms();
  }
  if (start_ns_ == 0) {
    start_ns_ = context_.state.publish_start_ns.load(std::memory_order_relaxed);
    if (start_ns_ == 0) {
      return turn_ns + start_poll_ns;
    }
  }
  if (writable_ && (!unsent_.empty() || prepare_batch(turn_ns))) {
    unsent_.remove_prefix(write_some(unsent_));
    if (unsent_.empty()) {
      context_.counters.published.add(std::exchange(batch_count_, 0));
      context_.counters.last_publish_ns.set(static_cast<std::uint64_t>(now_ns()));
    }
  }
  update_finished();
  return next_turn_ns(turn_ns);
}

bool Publisher::may_send(std::int64_t turn_ns) const {
  if (prepared_ >= messages_) {
    return false;
  }
  const std::int64_t end_ns = context_.state.publish_end_ns.load(std::memory_order_relaxed);
  if (pace_.interval_ns == 0) {
    return turn_ns < end_ns;
  }
  return turn_ns - grace_ns < end_ns && start_ns_ + pace_.due_ns(prepared_) < end_ns;
}

bool Publisher::prepare_batch(std::int64_t turn_ns) {
  if (!may_send(turn_ns)) {
    return false;
  }
  const std::size_t first = next_message_;
  const std::size_t room = buffer_.count() - first;
  const auto limit = first + static_cast<std::size_t>(std::min<std::uint64_t>(
                                 {room, messages_ - prepared_, in_flight_room()}));
  std::size_t message = first;
  std::int64_t stamp_ns = now_ns();
  for (; message < limit; ++message) {
    if (pace_.interval_ns != 0) {
      // The time at which it should have been sent: a stalled broker can't hide its delay.
      stamp_ns = start_ns_ + pace_.due_ns(prepared_ + (message - first));
      if (stamp_ns > turn_ns) {
        break;
      }
    }
    if (!trackers_.empty()) {
      ConfirmTracker& tracker = trackers_[message % channels_];
      if (!tracker.can_send()) {
        break;
      }
      tracker.sent(stamp_ns);
    }
    if (stamped_) {
      buffer_.stamp(message, stamp_ns);
    }
    if (delays_) {
      buffer_.set_delay(message, delay_ms_(random_));
    }
  }
  if (message == first) {
    return false;
  }
  batch_count_ = message - first;
  prepared_ += batch_count_;
  outstanding_ += trackers_.empty() ? 0 : batch_count_;
  unsent_ = buffer_.bytes(first, message);
  next_message_ = message == buffer_.count() ? 0 : message;
  return true;
}

std::uint64_t Publisher::in_flight_room() const {
  if (in_flight_.limit == 0) {
    return UINT64_MAX;
  }
  const std::uint64_t delivered =
      context_.state.delivered.load(std::memory_order_relaxed) / in_flight_.deliveries_per_message;
  return delivered + in_flight_.limit - std::min(prepared_, delivered + in_flight_.limit);
}

std::int64_t Publisher::next_turn_ns(std::int64_t turn_ns) const {
  if (readable_) {
    return turn_ns;
  }
  if (!writable_ || !unsent_.empty() || !may_send(turn_ns)) {
    return turn_ns + idle_ns;
  }
  if (!trackers_.empty() && !trackers_[next_message_ % channels_].can_send()) {
    return turn_ns + idle_ns;
  }
  if (in_flight_room() == 0) {
    return turn_ns + in_flight_poll_ns;
  }
  return pace_.interval_ns == 0 ? turn_ns : std::max(turn_ns, start_ns_ + pace_.due_ns(prepared_));
}

void Publisher::on_method(std::uint16_t channel, const char* payload, std::size_t size_bytes) {
  const std::string_view method{payload, size_bytes};
  switch (amqp::peek_method_key(method)) {
    case amqp::method_key<amqp::BasicAck>:
      settle(channel, payload, context_.counters.confirmed);
      break;
    case amqp::method_key<amqp::BasicNack>:
      settle(channel, payload, context_.counters.nacked);
      break;
    case amqp::method_key<amqp::BasicReturn>:
      context_.counters.returned.add(1);
      break;
    case amqp::method_key<amqp::ConnectionBlocked>:
      context_.counters.blocked.add(1);
      break;
    default:
      if (const std::string text = describe_close(method); !text.empty()) {
        context_.state.fail("publisher: " + text);
      }
  }
}

void Publisher::settle(std::uint16_t channel, const char* payload, Counter& counter) {
  const auto tag = amqp::load_big_endian<std::uint64_t>(payload + amqp::method_ids_bytes);
  const bool multiple = (payload[amqp::method_ids_bytes + sizeof tag] & 1) != 0;
  if (channel == 0 || channel > trackers_.size()) {
    context_.state.fail(fmt::format("publisher: a confirm on channel {}", channel));
    return;
  }
  const std::size_t count = trackers_[channel - 1].settle(
      tag, multiple, [this](std::int64_t stamp_ns) { note_confirm(stamp_ns); });
  outstanding_ -= count;
  counter.add(count);
}

void Publisher::note_confirm(std::int64_t stamp_ns) {
  if (stamp_ns != run_stamp_ns_) {
    flush_confirms();
    run_stamp_ns_ = stamp_ns;
  }
  ++run_count_;
}

void Publisher::flush_confirms() {
  if (run_count_ != 0) {
    context_.confirm_latency.record(received_ns_ - run_stamp_ns_, run_count_);
    context_.counters.last_confirm_ns.set(static_cast<std::uint64_t>(received_ns_));
    run_count_ = 0;
  }
}

void Publisher::update_finished() {
  if (!finished_ && unsent_.empty() && outstanding_ == 0 && !may_send(turn_ns_)) {
    finished_ = true;
    context_.counters.finished_publishers.add(1);
  }
}

std::uint64_t Publisher::behind() const {
  if (pace_.interval_ns == 0 || start_ns_ == 0) {
    return 0;
  }
  const std::int64_t end_ns =
      std::min(context_.state.publish_end_ns.load(std::memory_order_relaxed), turn_ns_);
  std::uint64_t due = prepared_;
  while (due < messages_ && start_ns_ + pace_.due_ns(due) < end_ns) {
    ++due;
  }
  return due - prepared_;
}

}  // namespace lepus::benchmarks
