#include "tests/simulation/exchange_traits.h"

#include <iterator>

#include <fmt/format.h>

namespace lepus::simulation {

namespace {

std::string to_text(ExchangeTraits::Routing routing) {
  switch (routing) {
    case ExchangeTraits::Routing::direct:
      return "direct";
    case ExchangeTraits::Routing::fanout:
      return "fanout";
    case ExchangeTraits::Routing::topic:
      return "topic";
    case ExchangeTraits::Routing::headers:
      return "headers";
  }
  return {};
}

}  // namespace

amqp::FieldTable ExchangeTraits::arguments() const {
  amqp::FieldTable table;
  table.set("x-delayed-type", to_text(routing));
  return table;
}

std::string ExchangeTraits::routing_key(const std::string& queue_name) const {
  return routing == Routing::topic ? queue_name + ".delayed" : queue_name;
}

std::string ExchangeTraits::binding_key(const std::string& queue_name) const {
  return routing == Routing::topic ? queue_name + ".*" : queue_name;
}

amqp::FieldTable ExchangeTraits::binding_arguments(const std::string& queue_name) const {
  amqp::FieldTable table;
  if (routing == Routing::headers) {
    table.set("x-match", "all");
    table.set(queue_header, queue_name);
  }
  return table;
}

std::vector<ExchangeTraits> choose_exchanges(Random& random) {
  using Routing = ExchangeTraits::Routing;
  static constexpr Routing routings[] = {Routing::direct, Routing::fanout, Routing::topic,
                                         Routing::headers};
  std::vector<ExchangeTraits> exchanges(random.one_in(2) ? 0 : random.between(1, 2));
  for (std::size_t number = 0; number < exchanges.size(); ++number) {
    exchanges[number] = {.name = fmt::format("delayed{}-{}", number, random.below(1000)),
                         .durable = !random.one_in(5),
                         .routing = routings[random.below(std::size(routings))]};
  }
  return exchanges;
}

std::int64_t choose_delay_ms(Random& random) {
  constexpr std::int64_t hour_ms = 3'600'000;
  switch (random.below(8)) {
    case 0:
      return random.one_in(2) ? 0 : -static_cast<std::int64_t>(random.between(1, 1000));
    case 1:
    case 2:
    case 3:
      return static_cast<std::int64_t>(random.between(1, 300));
    case 4:
    case 5:
      return static_cast<std::int64_t>(random.between(300, 3000));
    case 6:
      return static_cast<std::int64_t>(random.between(1000, 10'000));
    default:
      return random.one_in(3) ? hour_ms + static_cast<std::int64_t>(random.below(10))
                              : static_cast<std::int64_t>(random.between(5000, 60'000));
  }
}

}  // namespace lepus::simulation
