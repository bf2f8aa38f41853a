#pragma once

#include <utility>

#include "broker/model/exchange.h"

namespace lepus::model {

/// Matches all bindings.
class FanoutExchange final : public Exchange {
 public:
  explicit FanoutExchange(ExchangeRecord record) : Exchange(std::move(record)) {}

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  BindingBucket all_;
};

}  // namespace lepus::model
