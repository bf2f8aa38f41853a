#include "broker/model/consistent_hash_exchange.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "amqp/erlang_term.h"
#include "broker/model/queue_arguments.h"
#include "broker/model/stable_hash.h"

namespace lepus::model {

namespace {

constexpr std::string_view header_argument = "hash-header";
constexpr std::string_view property_argument = "hash-property";
constexpr std::string_view message_id_property = "message_id";
constexpr std::string_view correlation_id_property = "correlation_id";
constexpr std::string_view timestamp_property = "timestamp";

/// Seeds that keep kinds of values and of destinations apart.
constexpr std::uint64_t text_seed = 0;
constexpr std::uint64_t integer_seed = 1;
constexpr std::uint64_t encoded_seed = 2;
constexpr std::uint64_t queue_seed = 3;
constexpr std::uint64_t exchange_seed = 4;
/// Of messages without the header or the property.
constexpr std::uint64_t hash_of_nothing = 0;

ProtocolError precondition_failed(std::string text) {
  return {amqp::ReplyCode::precondition_failed, std::move(text)};
}

const std::string* text_in(const amqp::FieldTable& table, std::string_view name) {
  const amqp::FieldValue* value = table.find(name);
  return value == nullptr ? nullptr : value->as_string();
}

/// A binding key as Erlang reads integers: a sign and digits. Nothing if it is none; what is
/// smaller than 1 is 0, what no integer of 64 bits holds is the largest.
std::optional<std::uint64_t> weight_in(std::string_view key) {
  const bool negative = key.starts_with('-');
  if (negative || key.starts_with('+')) {
    key.remove_prefix(1);
  }
  std::uint64_t weight = 0;
  const char* const end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(key.data(), end, weight);
  if (error == std::errc::invalid_argument || stop != end) {
    return std::nullopt;
  }
  if (error == std::errc::result_out_of_range) {
    weight = std::numeric_limits<std::uint64_t>::max();
  }
  return negative ? 0 : weight;
}

std::uint64_t hash_text_value(std::string_view text) {
  return stable_hash(text, text_seed);
}

std::uint64_t hash_property_text(const std::optional<std::string_view>& text) {
  return text ? hash_text_value(*text) : hash_of_nothing;
}

std::uint64_t hash_header_value(const amqp::FieldValue* value) {
  if (value == nullptr) {
    return hash_of_nothing;
  }
  if (const std::string* text = value->as_string()) {
    return hash_text_value(*text);
  }
  if (const auto integer = value->as_integer()) {
    return stable_hash(std::to_string(*integer), integer_seed);
  }
  // The type counts as well: a table with this value is encoded, letter and all.
  return stable_hash(amqp::FieldTable{{"", *value}}.encode(), encoded_seed);
}

std::uint64_t hash_destination(const Binding& binding) {
  return binding.queue != nullptr ? stable_hash(binding.queue->name, queue_seed)
                                  : stable_hash(binding.exchange->name(), exchange_seed);
}

double weight_of(const Binding& binding) {
  const std::uint64_t weight = weight_in(binding.routing_key).value_or(1);
  return static_cast<double>(std::max<std::uint64_t>(weight, 1));
}

/// A number between 0 and 1, neither of them.
double fraction_of(std::uint64_t hash) {
  constexpr unsigned surplus_bits = 64 - std::numeric_limits<double>::digits + 1;
  return (static_cast<double>(hash >> surplus_bits) + 0.5) * 0x1p-52;
}

}  // namespace

std::optional<ProtocolError> check_hash_arguments(const ExchangeRecord& record) {
  const std::string described = describe_exchange(record.vhost, record.name);
  const auto header = name_argument(record.arguments, header_argument, described);
  if (!header) {
    return header.error();
  }
  const auto property = name_argument(record.arguments, property_argument, described);
  if (!property) {
    return property.error();
  }
  if (*header && *property) {
    return precondition_failed("hash-header and hash-property are mutually exclusive");
  }
  if (*property && **property != message_id_property && **property != correlation_id_property &&
      **property != timestamp_property) {
    return precondition_failed(fmt::format("Unsupported property: {}", **property));
  }
  return std::nullopt;
}

ConsistentHashExchange::ConsistentHashExchange(ExchangeRecord record)
    : Exchange(std::move(record)) {
  if (const std::string* header = text_in(arguments(), header_argument)) {
    hashed_ = Hashed::header;
    header_ = *header;
  } else if (const std::string* property = text_in(arguments(), property_argument)) {
    if (*property == message_id_property) {
      hashed_ = Hashed::message_id;
    } else if (*property == correlation_id_property) {
      hashed_ = Hashed::correlation_id;
    } else if (*property == timestamp_property) {
      hashed_ = Hashed::timestamp;
    }
  }
}

std::optional<ProtocolError> ConsistentHashExchange::check_binding(
    const BindingDescription& binding, const QueueRecord* /*queue*/) const {
  const auto weight = weight_in(binding.routing_key);
  if (!weight) {
    return precondition_failed(fmt::format("The binding key must be an integer: {}",
                                           amqp::erlang_binary(binding.routing_key)));
  }
  if (*weight == 0) {
    return precondition_failed("The binding key must be greater than 0");
  }
  return std::nullopt;
}

std::uint64_t ConsistentHashExchange::hash_of(const RoutingInput& input) const {
  switch (hashed_) {
    case Hashed::routing_key:
      break;
    case Hashed::header:
      return hash_header_value(input.headers == nullptr ? nullptr : input.headers->find(header_));
    case Hashed::message_id:
      return hash_property_text(input.properties->message_id);
    case Hashed::correlation_id:
      return hash_property_text(input.properties->correlation_id);
    case Hashed::timestamp:
      return input.properties->timestamp
                 ? hash_text_value(std::to_string(*input.properties->timestamp))
                 : hash_of_nothing;
  }
  return hash_text_value(input.routing_keys.front());
}

void ConsistentHashExchange::match(const RoutingInput& input,
                                   std::vector<const Binding*>& matched) const {
  if (destinations_.empty()) {
    return;
  }
  const std::uint64_t value = hash_of(input);
  const Destination& best = equal_weights_ ? best_among_equals(value) : best_by_weight(value);
  matched.push_back(best.bindings.front());
}

/// The same as best_by_weight().
const ConsistentHashExchange::Destination& ConsistentHashExchange::best_among_equals(
    std::uint64_t value) const {
  const Destination* best = &destinations_.front();
  std::uint64_t best_hash = scramble_bits(value ^ best->hash);
  for (const Destination& destination : destinations_) {
    const std::uint64_t hash = scramble_bits(value ^ destination.hash);
    if (hash > best_hash) {
      best = &destination;
      best_hash = hash;
    }
  }
  return *best;
}

const ConsistentHashExchange::Destination& ConsistentHashExchange::best_by_weight(
    std::uint64_t value) const {
  const Destination* best = &destinations_.front();
  double best_distance = std::numeric_limits<double>::infinity();
  for (const Destination& destination : destinations_) {
    // The distance is -ln(fraction) / weight: the time until something that happens `weight`
    // times in a unit of time. As -ln(x) is not below 1 - x, most logarithms needn't be taken.
    const double fraction = fraction_of(scramble_bits(value ^ destination.hash));
    if ((1 - fraction) / destination.weight >= best_distance) {
      continue;
    }
    const double distance = -std::log(fraction) / destination.weight;
    if (distance < best_distance) {
      best = &destination;
      best_distance = distance;
    }
  }
  return *best;
}

std::vector<ConsistentHashExchange::Destination>::iterator ConsistentHashExchange::find(
    const Binding& binding) {
  return std::ranges::find_if(destinations_, [&](const Destination& destination) {
    const Binding& first = *destination.bindings.front();
    return first.queue == binding.queue && first.exchange == binding.exchange;
  });
}

void ConsistentHashExchange::index_binding(Binding& binding) {
  const auto known = find(binding);
  if (known != destinations_.end()) {
    known->bindings.push_back(&binding);
    return;
  }
  const double weight = weight_of(binding);
  equal_weights_ =
      destinations_.empty() || (equal_weights_ && weight == destinations_.front().weight);
  destinations_.push_back(
      {.hash = hash_destination(binding), .weight = weight, .bindings = {&binding}});
}

void ConsistentHashExchange::unindex_binding(Binding& binding) {
  const auto destination = find(binding);
  LEPUS_ASSERT(destination != destinations_.end(), "only indexed bindings are removed");
  std::erase(destination->bindings, &binding);
  if (destination->bindings.empty()) {
    destinations_.erase(destination);
  } else {
    destination->weight = weight_of(*destination->bindings.front());
  }
  equal_weights_ = std::ranges::all_of(destinations_, [&](const Destination& other) {
    return other.weight == destinations_.front().weight;
  });
}

}  // namespace lepus::model
