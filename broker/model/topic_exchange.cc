#include "broker/model/topic_exchange.h"

namespace lepus::model {

void TopicExchange::match(const RoutingInput& input, std::vector<const Binding*>& matched) const {
  for (const std::string_view key : input.routing_keys) {
    trie_.match(key, matched);
  }
}

void TopicExchange::index_binding(Binding& binding) {
  trie_.add(binding);
}

void TopicExchange::unindex_binding(Binding& binding) {
  trie_.remove(binding);
}

}  // namespace lepus::model
