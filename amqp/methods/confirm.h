#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"

namespace lepus::amqp {

/// confirm.select (85,10). RabbitMQ: publishes on this channel are confirmed from now on.
struct ConfirmSelect {
  static constexpr std::uint16_t class_id = confirm_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "confirm.select";
  static constexpr bool has_content = false;

  bool no_wait = false;

  static void visit_fields(auto& self, auto&& visit) { visit("no-wait", self.no_wait); }

  friend bool operator==(const ConfirmSelect&, const ConfirmSelect&) = default;
};

/// confirm.select-ok (85,11). Confirms are on.
struct ConfirmSelectOk {
  static constexpr std::uint16_t class_id = confirm_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "confirm.select-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ConfirmSelectOk&, const ConfirmSelectOk&) = default;
};

}  // namespace lepus::amqp
