#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/model/exchange.h"

namespace lepus::model {

/// x-random: matches one of its bindings by chance, each as likely as the others, whatever their
/// keys. Every exchange has a sequence of its own, which begins anew with the broker.
class RandomExchange : public Exchange {
 public:
  explicit RandomExchange(ExchangeRecord record);

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

  [[nodiscard]] bool routes_by_keys_alone() const override { return false; }

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  BindingBucket all_;
  /// Shards route at the same time, under a shared lock.
  mutable std::atomic<std::uint64_t> step_;
};

/// x-local-random: x-random for classic queues alone, bound with an empty key. All queues of this
/// broker are local.
class LocalRandomExchange final : public RandomExchange {
 public:
  using RandomExchange::RandomExchange;

  [[nodiscard]] std::optional<ProtocolError> check_binding(const BindingDescription& binding,
                                                           const QueueRecord* queue) const override;
};

}  // namespace lepus::model
