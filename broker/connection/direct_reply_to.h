#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/model/ids.h"

namespace lepus::connection {

/// The queue name that a requester consumes from and gives as reply_to.
inline constexpr std::string_view reply_to_queue = "amq.rabbitmq.reply-to";
/// What the names begin with that responders see.
inline constexpr std::string_view reply_to_prefix = "amq.rabbitmq.reply-to.";

/// Where a direct reply goes. The key is random, so that a name can't be guessed and doesn't
/// outlive its consumer.
struct ReplyAddress {
  model::ChannelRef channel;
  std::uint64_t key = 0;

  auto operator<=>(const ReplyAddress&) const = default;
};

/// "amq.rabbitmq.reply-to." and the address: two texts with a dot between them.
[[nodiscard]] std::string reply_name(const ReplyAddress& address);

/// The address in a name, if it is one that reply_name() could have made.
[[nodiscard]] std::optional<ReplyAddress> parse_reply_name(std::string_view name);

}  // namespace lepus::connection
