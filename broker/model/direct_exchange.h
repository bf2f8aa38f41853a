#pragma once

#include <utility>

#include "broker/model/exchange.h"
#include "broker/model/string_map.h"

namespace lepus::model {

/// Matches the bindings whose routing key equals one of the message's. The default exchange is one
/// too, but the router looks into the directory of queues instead.
class DirectExchange final : public Exchange {
 public:
  explicit DirectExchange(ExchangeRecord record) : Exchange(std::move(record)) {}

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  StringMap<BindingBucket> by_routing_key_;
};

}  // namespace lepus::model
