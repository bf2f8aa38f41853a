#include <algorithm>

#include <fmt/format.h>

#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"

// Deliveries that wait for their ack for too long (consumer_timeout).
//
// A delivery costs one comparison: the connection has one time at which it looks again, which is
// never later than the first of its deliveries times out. Acks don't move it, so it may come for
// nothing; then the next is found from the oldest deliveries.

namespace lepus::connection {

namespace {

/// Looked at so often as long as anything is unacked: policies may have changed, and a connection's
/// timer stays in its shard's list that long when the connection goes.
constexpr std::int64_t ack_check_interval_ms_max = 60'000;
/// A method of the channel waits for its answer, which comes soon.
constexpr std::int64_t busy_channel_retry_ms = 100;

}  // namespace

// ---- the connection

void Connection::schedule_ack_check(std::int64_t due_ms) {
  const std::int64_t now_ms = host_.clock().steady_ms();
  next_ack_check_ms_ = std::min(due_ms, now_ms + ack_check_interval_ms_max);
  host_.schedule(*this, next_ack_check_ms_);
}

void Connection::check_delivery_timeouts(std::int64_t now_ms) {
  if (now_ms < next_ack_check_ms_) {
    return;
  }
  next_ack_check_ms_ = never_ms;
  if (state_ != State::running) {
    return;
  }
  std::int64_t next_ms = never_ms;
  for (const auto& [number, channel] : channels_) {
    next_ms = std::min(next_ms, channel->check_delivery_timeouts(now_ms));
  }
  next_ack_check_ms_ = std::min(next_ack_check_ms_, next_ms);
}

// ---- the channel

/// The consumer's own timeout counts, else the queue's with its policy's, else the broker's.
void Channel::set_ack_timeout(DeliverySource& source) {
  std::optional<std::int64_t> timeout_ms = source.own_ack_timeout_ms;
  if (!timeout_ms) {
    timeout_ms = host().topology().settings_of(source.queue)->consumer_timeout_ms;
  }
  const std::int64_t limit_ms = timeout_ms.value_or(host().settings().consumer_timeout_ms);
  source.ack_timeout_ms = limit_ms == 0 ? no_ack_timeout_ms : limit_ms;
  shortest_ack_timeout_ms_ = std::min(shortest_ack_timeout_ms_, source.ack_timeout_ms);
}

void Channel::follow_policies() {
  const std::uint64_t version = host().topology().policies_version();
  if (version == ack_timeouts_version_) {
    return;
  }
  ack_timeouts_version_ = version;
  shortest_ack_timeout_ms_ = no_ack_timeout_ms;
  for (const auto& [id, consumer] : consumers_) {
    set_ack_timeout(*consumer->source);
  }
  // Those of basic.get and of consumers that are cancelled.
  const DeliverySource* last = nullptr;
  unacked_.for_each_source([&](DeliverySource& source) {
    if (&source != last) {
      last = &source;
      set_ack_timeout(source);
    }
  });
}

std::int64_t Channel::check_delivery_timeouts(std::int64_t now_ms) {
  if (closing_ || unacked_.empty()) {
    return Connection::never_ms;
  }
  follow_policies();
  const UnackedDelivery& delivery = *unacked_.first_due(shortest_ack_timeout_ms_);
  if (now_ms < delivery.due_ms()) {
    return std::min(delivery.due_ms(), now_ms + ack_check_interval_ms_max);
  }
  const PendingMethod* pending = connection_.pending();
  if (pending != nullptr && pending->channel == number_) {
    return now_ms + busy_channel_retry_ms;
  }
  const DeliverySource& source = *delivery.source;
  const std::int64_t timeout_ms = source.ack_timeout_ms;
  if (host().settings().warn) {
    const auto consumer = consumers_.find(source.consumer);
    host().settings().warn(fmt::format(
        "{}: no acknowledgement of delivery {} by consumer '{}' of {} on channel {} within {} ms: "
        "the channel is closed",
        connection_.peer().name(), delivery.tag,
        consumer == consumers_.end() ? std::string{} : consumer->second->tag,
        source.queue->described(), number_, timeout_ms));
  }
  fail(amqp::ReplyCode::precondition_failed,
       fmt::format("delivery acknowledgement on channel {} timed out. Timeout value used: {} ms. "
                   "This timeout value can be configured, see consumers doc guide to learn more",
                   number_, timeout_ms),
       {});
  return Connection::never_ms;
}

}  // namespace lepus::connection
