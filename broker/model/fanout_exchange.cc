#include "broker/model/fanout_exchange.h"

namespace lepus::model {

void FanoutExchange::match(const RoutingInput& /*input*/,
                           std::vector<const Binding*>& matched) const {
  all_.append_to(matched);
}

void FanoutExchange::index_binding(Binding& binding) {
  all_.add(binding);
}

void FanoutExchange::unindex_binding(Binding& binding) {
  all_.remove(binding);
}

}  // namespace lepus::model
