#include "management/sampler.h"

#include "management/broker_calls.h"

namespace lepus::management {

MessageValues values_of(const model::MessageCounters& counters) {
  return {counters.publish,
          counters.confirm,
          counters.return_unroutable,
          counters.drop_unroutable,
          counters.deliver,
          counters.deliver_no_ack,
          counters.get,
          counters.get_no_ack,
          counters.get_empty,
          counters.redeliver,
          counters.ack,
          counters.deliver_get()};
}

MessageValues values_of(const model::QueueCounters& counters) {
  model::MessageCounters messages;
  messages.publish = counters.publish;
  messages.deliver = counters.deliver;
  messages.deliver_no_ack = counters.deliver_no_ack;
  messages.get = counters.get;
  messages.get_no_ack = counters.get_no_ack;
  messages.get_empty = counters.get_empty;
  messages.redeliver = counters.redeliver;
  messages.ack = counters.ack;
  return values_of(messages);
}

Task<bool> Sampler::sample(const BrokerCalls& broker) {
  const std::int64_t now_ms = broker.clock().steady_ms();
  if (now_ms - last_request_ms_ > idle_ms) {
    co_return false;
  }
  const double seconds = static_cast<double>(now_ms - last_sample_ms_) / 1000;
  last_sample_ms_ = now_ms;

  const model::MessageCounters totals = co_await broker.total_counters();
  totals_.update(0, values_of(totals), seconds);

  std::array<std::uint64_t, 3> sum{};
  auto queues = broker.topology().list_queues({});
  const auto rows = co_await broker.queue_rows(std::move(queues));
  for (const model::QueueRow& row : rows) {
    const std::uint64_t key = model::value_of(row.record->id);
    const std::array lengths{row.ready_count, row.unacked_count,
                             row.ready_count + row.unacked_count};
    queues_.update(key, values_of(row.counters), seconds);
    lengths_.update(key, lengths, seconds);
    for (std::size_t index = 0; index < sum.size(); ++index) {
      sum[index] += lengths[index];
    }
  }
  total_lengths_.update(0, sum, seconds);

  const auto connections = co_await broker.connection_rows();
  for (const model::ConnectionRow& row : connections) {
    connections_.update(static_cast<std::uint64_t>(row.id), {row.received_bytes, row.sent_bytes},
                        seconds);
  }
  const auto channels = co_await broker.channel_rows();
  for (const model::ChannelRow& row : channels) {
    channels_.update(key_of(row), values_of(row.messages), seconds);
  }
  queues_.end_round();
  lengths_.end_round();
  connections_.end_round();
  channels_.end_round();
  co_return true;
}

}  // namespace lepus::management
