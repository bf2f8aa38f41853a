#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "amqp/field_table.h"
#include "tests/simulation/random.h"

namespace lepus::simulation {

/// What an exchange of the run is declared as. All of them are of the type x-delayed-message.
struct ExchangeTraits {
  enum class Routing { direct, fanout, topic, headers };

  std::string name;
  bool durable = true;
  Routing routing = Routing::direct;  ///< x-delayed-type

  /// What a message can go to: more than the queue that it names, by BCC or because all are bound.
  [[nodiscard]] bool has_keys() const {
    return routing == Routing::direct || routing == Routing::topic;
  }

  [[nodiscard]] amqp::FieldTable arguments() const;
  /// Of a message for that queue.
  [[nodiscard]] std::string routing_key(const std::string& queue_name) const;
  [[nodiscard]] std::string binding_key(const std::string& queue_name) const;
  [[nodiscard]] amqp::FieldTable binding_arguments(const std::string& queue_name) const;
};

/// The header by which an exchange of the type headers finds the queue.
inline constexpr const char* queue_header = "to";

/// Two at most, often none.
[[nodiscard]] std::vector<ExchangeTraits> choose_exchanges(Random& random);

/// A value for x-delay: none, negative, short or so long that the run has to wait for it at its
/// end.
[[nodiscard]] std::int64_t choose_delay_ms(Random& random);

}  // namespace lepus::simulation
