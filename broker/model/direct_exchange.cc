#include "broker/model/direct_exchange.h"

namespace lepus::model {

void DirectExchange::match(const RoutingInput& input, std::vector<const Binding*>& matched) const {
  for (const std::string_view key : input.routing_keys) {
    const auto bucket = by_routing_key_.find(key);
    if (bucket != by_routing_key_.end()) {
      bucket->second.append_to(matched);
    }
  }
}

void DirectExchange::index_binding(Binding& binding) {
  by_routing_key_[binding.routing_key].add(binding);
}

void DirectExchange::unindex_binding(Binding& binding) {
  const auto bucket = by_routing_key_.find(binding.routing_key);
  LEPUS_ASSERT(bucket != by_routing_key_.end(), "only indexed bindings are removed");
  bucket->second.remove(binding);
  if (bucket->second.empty()) {
    by_routing_key_.erase(bucket);
  }
}

}  // namespace lepus::model
