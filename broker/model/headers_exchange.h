#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "broker/model/exchange.h"
#include "broker/model/protocol_error.h"

namespace lepus::model {

/// How the arguments of a binding are compared with a message's headers.
struct HeadersPattern {
  bool any = false;                        ///< one equal header suffices
  bool with_x = false;                     ///< names that begin with "x-" count as well
  std::vector<const amqp::Field*> fields;  ///< those that count, in the binding's arguments
};

/// The pattern of a binding's arguments, which it points into. Unknown kinds of x-match count as
/// "all".
[[nodiscard]] HeadersPattern make_headers_pattern(const amqp::FieldTable& arguments);

/// @param headers  null: none
[[nodiscard]] bool headers_match(const HeadersPattern& pattern, const amqp::FieldTable* headers);

/// 406 for an x-match that a headers exchange does not know, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_headers_binding(const amqp::FieldTable& arguments);

/// Compares the headers of a message with the arguments of its bindings, one binding after the
/// other.
class HeadersExchange final : public Exchange {
 public:
  explicit HeadersExchange(ExchangeRecord record) : Exchange(std::move(record)) {}

  void match(const RoutingInput& input, std::vector<const Binding*>& matched) const override;

  [[nodiscard]] bool routes_by_keys_alone() const override { return false; }

  [[nodiscard]] std::optional<ProtocolError> check_binding(const BindingDescription& binding,
                                                           const QueueRecord* queue) const override;

 private:
  void index_binding(Binding& binding) override;
  void unindex_binding(Binding& binding) override;

  BindingBucket all_;
  std::vector<HeadersPattern> patterns_;  ///< at the bindings' places in all_
};

}  // namespace lepus::model
