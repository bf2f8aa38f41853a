#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/model/exchange.h"

namespace lepus::model {

/// 406 for the arguments hash-header and hash-property if they are not as RabbitMQ's
/// x-consistent-hash takes them, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_hash_arguments(const ExchangeRecord& record);

/// x-consistent-hash: matches one binding by the hash of the routing key, of a header
/// (hash-header) or of a property (hash-property). Messages without that header or property all
/// go the same way. Binding keys are weights: a destination of weight 2 gets twice as many values
/// as one of weight 1.
///
/// Each destination draws a number for each value, from its name and the value alone, and the
/// best for its weight wins (weighted rendezvous hashing). So nothing depends on the order of
/// bindings or on the run, and when a destination goes its values alone move, to all others.
class ConsistentHashExchange final : public Exchange {
 public:
  explicit ConsistentHashExchange(ExchangeRecord record);

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

  [[nodiscard]] bool routes_by_keys_alone() const override {
    return hashed_ == Hashed::routing_key;
  }

  [[nodiscard]] std::optional<ProtocolError> check_binding(const BindingDescription& binding,
                                                           const QueueRecord* queue) const override;

 private:
  enum class Hashed : std::uint8_t { routing_key, header, message_id, correlation_id, timestamp };

  /// A queue or an exchange; bound more than once, it counts once, with its first binding.
  struct Destination {
    std::uint64_t hash = 0;
    double weight = 1;
    std::vector<Binding*> bindings;  ///< at least one
  };

  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;
  [[nodiscard]] std::vector<Destination>::iterator find(const Binding& binding);
  [[nodiscard]] std::uint64_t hash_of(const RoutingInput& input) const;
  [[nodiscard]] const Destination& best_among_equals(std::uint64_t value) const;
  [[nodiscard]] const Destination& best_by_weight(std::uint64_t value) const;

  Hashed hashed_ = Hashed::routing_key;
  std::string header_;  ///< the name of the one that is hashed
  std::vector<Destination> destinations_;
  bool equal_weights_ = true;
};

}  // namespace lepus::model
