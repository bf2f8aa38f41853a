#include "tests/benchmarks/consumer.h"

#include <array>
#include <utility>

#include "amqp/byte_order.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/basic.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/publish_buffer.h"

namespace lepus::benchmarks {

namespace {

constexpr std::int64_t subscribe_poll_ns = 1'000'000;
constexpr std::int64_t idle_ns = 100'000'000;
/// Past this much unsent output a consumer reads nothing more.
constexpr std::size_t output_limit_bytes = 262144;

}  // namespace

Consumer::Consumer(int socket, WorkerContext& context, const RunOptions& options,
                   const std::vector<std::string>& queues)
    : Endpoint(socket, context),
      auto_ack_(options.auto_ack),
      stamped_(options.stamped()),
      in_flight_limited_(options.in_flight != 0),
      ack_every_(options.ack_every),
      channels_(options.channels + 1) {
  for (std::size_t index = 0; index < queues.size(); ++index) {
    amqp::append_method_frame(
        subscriptions_,
        amqp::ChannelNumber{static_cast<std::uint16_t>(index % options.channels + 1)},
        amqp::BasicConsume{.queue = queues[index], .no_ack = options.auto_ack});
  }
}

std::int64_t Consumer::pump(std::int64_t turn_ns) {
  if (!subscriptions_.empty() && context_.state.consume.load(std::memory_order_relaxed)) {
    output_.append(std::exchange(subscriptions_, {}));
  }
  if (readable_ && output_.size() - output_sent_bytes_ < output_limit_bytes) {
    read_frames(*this);
    if (read_count_ != 0) {
      flush_stamps();
      if (last_delivery_ns_ == 0 && context_.counters.first_delivery_ns.get() == 0) {
        context_.counters.first_delivery_ns.set(static_cast<std::uint64_t>(received_ns_));
      }
      last_delivery_ns_ = received_ns_;
      if (in_flight_limited_) {
        context_.state.delivered.fetch_add(read_count_, std::memory_order_relaxed);
      }
      context_.counters.delivered.add(std::exchange(read_count_, 0));
      context_.counters.last_delivery_ns.set(static_cast<std::uint64_t>(received_ns_));
    }
  } else if (!auto_ack_ && turn_ns - last_delivery_ns_ >= idle_ns) {
    ack_the_rest();
  }
  flush_output();
  if (readable_ && output_.size() - output_sent_bytes_ < output_limit_bytes) {
    return turn_ns;
  }
  return turn_ns + (subscriptions_.empty() ? idle_ns : subscribe_poll_ns);
}

void Consumer::on_method(std::uint16_t channel, const char* payload, std::size_t size_bytes) {
  const std::string_view method{payload, size_bytes};
  if (amqp::peek_method_key(method) != amqp::method_key<amqp::BasicDeliver>) [[unlikely]] {
    on_rare_method(method);
    return;
  }
  ++read_count_;
  if (auto_ack_ || channel >= channels_.size()) {
    return;
  }
  Channel& state = channels_[channel];
  ++state.delivered;
  if (state.delivered - state.acked >= ack_every_) {
    append_ack(channel, state);
  }
}

void Consumer::on_rare_method(std::string_view method) {
  switch (amqp::peek_method_key(method)) {
    case amqp::method_key<amqp::BasicConsumeOk>:
      context_.counters.subscribed.add(1);
      break;
    case amqp::method_key<amqp::BasicCancel>:
      context_.state.fail("the broker cancelled a consumer");
      break;
    default:
      if (const std::string text = describe_close(method); !text.empty()) {
        context_.state.fail("consumer: " + text);
      }
  }
}

void Consumer::on_body(std::uint16_t /*channel*/, const char* payload) {
  if (!stamped_) {
    return;
  }
  const std::int64_t stamp_ns = read_stamp(payload);
  if (stamp_ns != run_stamp_ns_) {
    flush_stamps();
    run_stamp_ns_ = stamp_ns;
  }
  ++run_count_;
}

void Consumer::flush_stamps() {
  if (run_count_ != 0) {
    context_.delivery_latency.record(received_ns_ - run_stamp_ns_, run_count_);
    run_count_ = 0;
  }
}

void Consumer::append_ack(std::uint16_t number, Channel& channel) {
  // The fields stand at fixed places: channel at 1, delivery tag at 11, multiple at 19.
  std::array<char, 21> frame{1, 0,  0, 0,  0, 0, 13,
                             0, 60, 0, 80, 0, 0, 0,
                             0, 0,  0, 0,  0, 0, static_cast<char>(amqp::frame_end)};
  amqp::store_big_endian(frame.data() + 1, number);
  amqp::store_big_endian(frame.data() + 11, channel.delivered);
  frame[19] = channel.delivered - channel.acked > 1 ? 1 : 0;
  output_.append(frame.data(), frame.size());
  channel.acked = channel.delivered;
}

void Consumer::ack_the_rest() {
  for (std::size_t number = 1; number < channels_.size(); ++number) {
    if (channels_[number].delivered != channels_[number].acked) {
      append_ack(static_cast<std::uint16_t>(number), channels_[number]);
    }
  }
}

void Consumer::flush_output() {
  if (!writable_ || output_.empty()) {
    return;
  }
  output_sent_bytes_ += write_some(std::string_view{output_}.substr(output_sent_bytes_));
  if (output_sent_bytes_ == output_.size()) {
    output_.clear();
    output_sent_bytes_ = 0;
  }
}

}  // namespace lepus::benchmarks
