#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"

namespace lepus::amqp {

/// access.request (30,10). Of AMQP 0-8; some clients still send it.
struct AccessRequest {
  static constexpr std::uint16_t class_id = access_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "access.request";
  static constexpr bool has_content = false;

  std::string_view realm;
  bool exclusive = false;
  bool passive = true;
  bool active = true;
  bool write = true;
  bool read = true;

  static void visit_fields(auto& self, auto&& visit) {
    visit("realm", self.realm);
    visit("exclusive", self.exclusive);
    visit("passive", self.passive);
    visit("active", self.active);
    visit("write", self.write);
    visit("read", self.read);
  }

  friend bool operator==(const AccessRequest&, const AccessRequest&) = default;
};

/// access.request-ok (30,11). The ticket means nothing.
struct AccessRequestOk {
  static constexpr std::uint16_t class_id = access_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "access.request-ok";
  static constexpr bool has_content = false;

  std::uint16_t ticket = 1;

  static void visit_fields(auto& self, auto&& visit) { visit("ticket", self.ticket); }

  friend bool operator==(const AccessRequestOk&, const AccessRequestOk&) = default;
};

}  // namespace lepus::amqp
