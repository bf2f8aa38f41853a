#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/model/broker_access.h"
#include "management/task.h"

namespace lepus::management {

class BrokerCalls;

/// Rates of counters that are looked at now and then, one entry for each object seen.
template <typename Key, std::size_t count>
class RateTable {
 public:
  using Values = std::array<std::uint64_t, count>;
  using Rates = std::array<double, count>;

  /// A new value of each counter, `seconds` after the former ones. New objects have no rate yet.
  void update(const Key& key, const Values& values, double seconds) {
    auto [place, is_new] = entries_.try_emplace(key);
    Entry& entry = place->second;
    for (std::size_t index = 0; index < count; ++index) {
      const auto change = static_cast<std::int64_t>(values[index] - entry.values[index]);
      entry.rates[index] =
          is_new || seconds <= 0 ? 0.0F : static_cast<float>(static_cast<double>(change) / seconds);
    }
    entry.values = values;
    entry.round = round_;
  }

  /// Forgets what was not updated since the last call.
  void end_round() {
    std::erase_if(entries_, [this](const auto& entry) { return entry.second.round != round_; });
    ++round_;
  }

  /// Per second; zero for what is not known.
  [[nodiscard]] Rates find(const Key& key) const {
    Rates rates{};
    if (const auto found = entries_.find(key); found != entries_.end()) {
      for (std::size_t index = 0; index < count; ++index) {
        rates[index] = static_cast<double>(found->second.rates[index]);
      }
    }
    return rates;
  }

 private:
  struct Entry {
    Values values{};
    std::array<float, count> rates{};
    std::uint32_t round = 0;
  };

  std::unordered_map<Key, Entry> entries_;
  std::uint32_t round_ = 0;
};

inline constexpr std::size_t message_counter_count = 12;
/// In the order of message_counter_names.
using MessageValues = std::array<std::uint64_t, message_counter_count>;
using MessageRates = std::array<double, message_counter_count>;

inline constexpr std::array<const char*, message_counter_count> message_counter_names{
    "publish", "confirm",    "return_unroutable", "drop_unroutable", "deliver", "deliver_no_ack",
    "get",     "get_no_ack", "get_empty",         "redeliver",       "ack",     "deliver_get"};

[[nodiscard]] MessageValues values_of(const model::MessageCounters& counters);
[[nodiscard]] MessageValues values_of(const model::QueueCounters& counters);

/// Ready, unacknowledged and all messages.
using LengthRates = std::array<double, 3>;

/// Looks at the broker's counters every 5 s and keeps their rates. Only while somebody uses
/// management: nobody else pays for it. Lives on the management thread.
class Sampler {
 public:
  /// So long after the last request nothing is sampled any more.
  static constexpr std::int64_t idle_ms = 300'000;

  /// Somebody asks for something.
  void note_request(std::int64_t now_ms) { last_request_ms_ = now_ms; }

  /// Takes a sample if one is due; done at once if not.
  Task<bool> sample(const BrokerCalls& broker);

  [[nodiscard]] MessageRates total_rates() const { return totals_.find(0); }

  [[nodiscard]] LengthRates total_length_rates() const { return total_lengths_.find(0); }

  [[nodiscard]] MessageRates queue_rates(model::QueueId queue) const {
    return queues_.find(model::value_of(queue));
  }

  [[nodiscard]] LengthRates length_rates(model::QueueId queue) const {
    return lengths_.find(model::value_of(queue));
  }

  [[nodiscard]] MessageRates channel_rates(const model::ChannelRow& channel) const {
    return channels_.find(key_of(channel));
  }

  /// Octets received and sent.
  [[nodiscard]] std::array<double, 2> connection_rates(model::ConnectionId connection) const {
    return connections_.find(static_cast<std::uint64_t>(connection));
  }

 private:
  static std::uint64_t key_of(const model::ChannelRow& channel) {
    constexpr unsigned number_bits = 16;
    return static_cast<std::uint64_t>(channel.connection) << number_bits | channel.number;
  }

  std::int64_t last_request_ms_ = -idle_ms;
  std::int64_t last_sample_ms_ = 0;
  RateTable<int, message_counter_count> totals_;
  RateTable<int, 3> total_lengths_;
  RateTable<std::uint64_t, message_counter_count> queues_;
  RateTable<std::uint64_t, 3> lengths_;
  RateTable<std::uint64_t, message_counter_count> channels_;
  RateTable<std::uint64_t, 2> connections_;
};

}  // namespace lepus::management
