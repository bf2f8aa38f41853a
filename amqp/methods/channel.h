#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// channel.open (20,10). Opens the channel on which it arrives.
struct ChannelOpen {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "channel.open";
  static constexpr bool has_content = false;

  std::string_view reserved_1;

  static void visit_fields(auto& self, auto&& visit) { visit("reserved-1", self.reserved_1); }

  friend bool operator==(const ChannelOpen&, const ChannelOpen&) = default;
};

/// channel.open-ok (20,11). The channel is open.
struct ChannelOpenOk {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "channel.open-ok";
  static constexpr bool has_content = false;

  LongString reserved_1;

  static void visit_fields(auto& self, auto&& visit) { visit("reserved-1", self.reserved_1); }

  friend bool operator==(const ChannelOpenOk&, const ChannelOpenOk&) = default;
};

/// channel.flow (20,20). Asks the peer to pause or to resume its content.
struct ChannelFlow {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "channel.flow";
  static constexpr bool has_content = false;

  bool active = false;

  static void visit_fields(auto& self, auto&& visit) { visit("active", self.active); }

  friend bool operator==(const ChannelFlow&, const ChannelFlow&) = default;
};

/// channel.flow-ok (20,21). Confirms the flow.
struct ChannelFlowOk {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "channel.flow-ok";
  static constexpr bool has_content = false;

  bool active = false;

  static void visit_fields(auto& self, auto&& visit) { visit("active", self.active); }

  friend bool operator==(const ChannelFlowOk&, const ChannelFlowOk&) = default;
};

/// channel.close (20,40). Closes the channel, giving the reason and the method at fault (0, 0 for
/// none).
struct ChannelClose {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 40;
  static constexpr std::string_view name = "channel.close";
  static constexpr bool has_content = false;

  std::uint16_t reply_code = 0;
  std::string_view reply_text;
  std::uint16_t failing_class_id = 0;
  std::uint16_t failing_method_id = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reply-code", self.reply_code);
    visit("reply-text", self.reply_text);
    visit("failing-class-id", self.failing_class_id);
    visit("failing-method-id", self.failing_method_id);
  }

  friend bool operator==(const ChannelClose&, const ChannelClose&) = default;
};

/// channel.close-ok (20,41). Confirms the close.
struct ChannelCloseOk {
  static constexpr std::uint16_t class_id = channel_class_id;
  static constexpr std::uint16_t method_id = 41;
  static constexpr std::string_view name = "channel.close-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const ChannelCloseOk&, const ChannelCloseOk&) = default;
};

}  // namespace lepus::amqp
