#include "broker/connection/direct_reply_to.h"

#include <charconv>

#include <fmt/format.h>

namespace lepus::connection {

namespace {

constexpr std::size_t connection_digits = 16;
constexpr std::size_t channel_digits = 4;
constexpr std::size_t key_digits = 16;
/// RabbitMQ's names are two texts in base64, the second of 16 octets. Some clients look at that;
/// hexadecimal digits are base64 as well.
constexpr std::string_view key_padding = "000000==";

template <typename Integer>
bool take_hexadecimal(std::string_view& text, std::size_t digits, Integer& value) {
  const std::string_view taken = text.substr(0, digits);
  text.remove_prefix(digits);
  const auto [end, error] = std::from_chars(taken.begin(), taken.end(), value, 16);
  return error == std::errc{} && end == taken.end();
}

}  // namespace

std::string reply_name(const ReplyAddress& address) {
  return fmt::format("{}{:016x}{:04x}.{:016x}{}", reply_to_prefix,
                     static_cast<std::uint64_t>(address.channel.connection),
                     address.channel.channel, address.key, key_padding);
}

std::optional<ReplyAddress> parse_reply_name(std::string_view name) {
  if (!name.starts_with(reply_to_prefix)) {
    return std::nullopt;
  }
  name.remove_prefix(reply_to_prefix.size());
  constexpr std::size_t address_digits = connection_digits + channel_digits;
  if (name.size() != address_digits + 1 + key_digits + key_padding.size() ||
      name[address_digits] != '.' || !name.ends_with(key_padding)) {
    return std::nullopt;
  }
  std::uint64_t connection = 0;
  ReplyAddress address;
  if (!take_hexadecimal(name, connection_digits, connection) ||
      !take_hexadecimal(name, channel_digits, address.channel.channel)) {
    return std::nullopt;
  }
  name.remove_prefix(1);
  if (!take_hexadecimal(name, key_digits, address.key)) {
    return std::nullopt;
  }
  address.channel.connection = model::ConnectionId{connection};
  return address;
}

}  // namespace lepus::connection
