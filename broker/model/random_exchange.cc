#include "broker/model/random_exchange.h"

#include <span>
#include <utility>

#include <fmt/format.h>

#include "broker/model/queue_arguments.h"
#include "broker/model/stable_hash.h"

namespace lepus::model {

RandomExchange::RandomExchange(ExchangeRecord record)
    : Exchange(std::move(record)), step_(stable_hash(name())) {}

void RandomExchange::match(const RoutingInput& /*input*/,
                           std::vector<const Binding*>& matched) const {
  const std::span<Binding* const> bindings = all_.all();
  if (bindings.empty()) {
    return;
  }
  // Steps of an odd number, scrambled: a generator whose state is one counter.
  constexpr std::uint64_t stride = 0x9E3779B97F4A7C15;
  const std::uint64_t step = step_.fetch_add(stride, std::memory_order_relaxed);
  matched.push_back(bindings[choose_by(scramble_bits(step), bindings.size())]);
}

void RandomExchange::index_binding(Binding& binding) {
  all_.add(binding);
}

void RandomExchange::unindex_binding(Binding& binding) {
  all_.remove(binding);
}

std::optional<ProtocolError> LocalRandomExchange::check_binding(const BindingDescription& binding,
                                                                const QueueRecord* queue) const {
  const auto refuse = [](std::string text) {
    return ProtocolError{amqp::ReplyCode::precondition_failed, std::move(text)};
  };
  if (!binding.routing_key.empty()) {
    return refuse(fmt::format("Non empty binding '{}' key not permitted", binding.routing_key));
  }
  if (queue == nullptr) {
    return refuse("Destination not found");
  }
  if (queue->settings.type != QueueType::classic) {
    return refuse(fmt::format("Queue type {} not valid for this exchange type",
                              module_name_of(queue->settings.type)));
  }
  return std::nullopt;
}

}  // namespace lepus::model
