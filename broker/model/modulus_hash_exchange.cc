#include "broker/model/modulus_hash_exchange.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "broker/model/stable_hash.h"

namespace lepus::model {

namespace {

std::string_view identity_of(const Binding* binding) {
  return binding->identity;
}

}  // namespace

void ModulusHashExchange::match(const RoutingInput& input,
                                std::vector<const Binding*>& matched) const {
  if (ordered_.empty()) {
    return;
  }
  std::uint64_t hash = 0;
  for (const std::string_view key : input.routing_keys) {
    hash = stable_hash(key, hash);
  }
  matched.push_back(ordered_[hash % ordered_.size()]);
}

void ModulusHashExchange::index_binding(Binding& binding) {
  ordered_.insert(std::ranges::upper_bound(ordered_, identity_of(&binding), {}, identity_of),
                  &binding);
}

void ModulusHashExchange::unindex_binding(Binding& binding) {
  const auto place = std::ranges::find(ordered_, &binding);
  LEPUS_ASSERT(place != ordered_.end(), "only indexed bindings are removed");
  ordered_.erase(place);
}

}  // namespace lepus::model
