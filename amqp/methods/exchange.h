#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// exchange.declare (40,10). Creates an exchange, or checks that one is as described.
struct ExchangeDeclare {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "exchange.declare";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view exchange;
  std::string_view type;
  bool passive = false;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("exchange", self.exchange);
    visit("type", self.type);
    visit("passive", self.passive);
    visit("durable", self.durable);
    visit("auto-delete", self.auto_delete);
    visit("internal", self.internal);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const ExchangeDeclare&, const ExchangeDeclare&) = default;
};

/// exchange.declare-ok (40,11). The exchange exists.
struct ExchangeDeclareOk {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "exchange.declare-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ExchangeDeclareOk&, const ExchangeDeclareOk&) = default;
};

/// exchange.delete (40,20). Deletes an exchange.
struct ExchangeDelete {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "exchange.delete";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view exchange;
  bool if_unused = false;
  bool no_wait = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("exchange", self.exchange);
    visit("if-unused", self.if_unused);
    visit("no-wait", self.no_wait);
  }

  friend bool operator==(const ExchangeDelete&, const ExchangeDelete&) = default;
};

/// exchange.delete-ok (40,21). The exchange is gone.
struct ExchangeDeleteOk {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "exchange.delete-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ExchangeDeleteOk&, const ExchangeDeleteOk&) = default;
};

/// exchange.bind (40,30). RabbitMQ: binds an exchange to an exchange.
struct ExchangeBind {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 30;
  static constexpr std::string_view name = "exchange.bind";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view destination;
  std::string_view source;
  std::string_view routing_key;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("destination", self.destination);
    visit("source", self.source);
    visit("routing-key", self.routing_key);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const ExchangeBind&, const ExchangeBind&) = default;
};

/// exchange.bind-ok (40,31). The binding exists.
struct ExchangeBindOk {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 31;
  static constexpr std::string_view name = "exchange.bind-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ExchangeBindOk&, const ExchangeBindOk&) = default;
};

/// exchange.unbind (40,40). RabbitMQ: removes such a binding.
struct ExchangeUnbind {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 40;
  static constexpr std::string_view name = "exchange.unbind";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view destination;
  std::string_view source;
  std::string_view routing_key;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("destination", self.destination);
    visit("source", self.source);
    visit("routing-key", self.routing_key);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const ExchangeUnbind&, const ExchangeUnbind&) = default;
};

/// exchange.unbind-ok (40,51). The binding is gone. (51 is no mistake here: RabbitMQ numbered it
/// so.)
struct ExchangeUnbindOk {
  static constexpr std::uint16_t class_id = exchange_class_id;
  static constexpr std::uint16_t method_id = 51;
  static constexpr std::string_view name = "exchange.unbind-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ExchangeUnbindOk&, const ExchangeUnbindOk&) = default;
};

}  // namespace lepus::amqp
