#pragma once

#include <memory>
#include <vector>

#include "broker/model/exchange.h"
#include "broker/model/queue_record.h"

namespace lepus::model {

/// An exchange of the type x-delayed-message: messages with a header x-delay wait in its delay
/// queue and come back when they are due; all others are routed as by an exchange of the type that
/// its argument x-delayed-type names.
class DelayedExchange final : public Exchange {
 public:
  /// @param record  checked by check_delay_arguments(), with the id of the delay queue
  explicit DelayedExchange(ExchangeRecord record);

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

  [[nodiscard]] bool routes_by_keys_alone() const override { return false; }

  [[nodiscard]] std::optional<ProtocolError> check_binding(const BindingDescription& binding,
                                                           const QueueRecord* queue) const override;

  [[nodiscard]] const std::shared_ptr<QueueRecord>* delay_queue() const override {
    return &delay_queue_;
  }

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  const std::shared_ptr<Exchange> inner_;  // has the index of the bindings, and nothing else
  const std::shared_ptr<QueueRecord> delay_queue_;
};

/// The record of the queue that keeps what such an exchange delays.
[[nodiscard]] std::shared_ptr<QueueRecord> make_delay_queue(const ExchangeRecord& exchange);

/// 406 for an x-delayed-type that isn't there or is x-delayed-message itself, 503 for one that is
/// unknown, and what the type asks of its arguments.
[[nodiscard]] std::optional<ProtocolError> check_delay_arguments(const ExchangeRecord& record);

}  // namespace lepus::model
