#pragma once

#include <utility>

#include "broker/model/exchange.h"
#include "broker/model/topic_trie.h"

namespace lepus::model {

/// Matches routing keys of words between dots against patterns with `*` (one word) and `#` (any
/// number of words).
class TopicExchange final : public Exchange {
 public:
  explicit TopicExchange(ExchangeRecord record) : Exchange(std::move(record)) {}

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  TopicTrie trie_;
};

}  // namespace lepus::model
