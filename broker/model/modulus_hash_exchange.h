#pragma once

#include <utility>
#include <vector>

#include "broker/model/exchange.h"

namespace lepus::model {

/// x-modulus-hash: matches the binding whose number is the hash of the message's routing keys
/// modulo the number of bindings. They are numbered in the order of their identities, so that a
/// restart changes nothing; a binding more or less moves most keys.
class ModulusHashExchange final : public Exchange {
 public:
  explicit ModulusHashExchange(ExchangeRecord record) : Exchange(std::move(record)) {}

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  std::vector<Binding*> ordered_;
};

}  // namespace lepus::model
