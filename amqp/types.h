#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace lepus::amqp {

class FieldTable;
class FieldValue;

/// A channel of a connection; 0 is the connection itself.
struct ChannelNumber {
  std::uint16_t value = 0;

  friend constexpr auto operator<=>(const ChannelNumber&, const ChannelNumber&) = default;
};

/// A delivery on a channel, or with confirms a publish; from 1, 0 means "all" where allowed.
struct DeliveryTag {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(const DeliveryTag&, const DeliveryTag&) = default;
};

/// A method by its class and its number within the class; {0, 0} is none.
struct MethodId {
  std::uint16_t class_id = 0;
  std::uint16_t method_id = 0;

  friend constexpr auto operator<=>(const MethodId&, const MethodId&) = default;
};

/// A long string argument: any octets. A view: it lives as long as what it was decoded from. (A
/// short string argument is a plain std::string_view.)
struct LongString {
  std::string_view bytes;

  friend constexpr bool operator==(const LongString&, const LongString&) = default;
};

/// One field's value in a validated table, still encoded. A view.
struct FieldValueView {
  /// The type letter as it came.
  char type = 'V';
  /// The value; of strings, byte arrays, tables and arrays without their length.
  std::string_view bytes;

  /// Decodes into an owning value; allocates.
  [[nodiscard]] FieldValue decode() const;

  /// The octets of a long string; nothing for every other type.
  [[nodiscard]] std::optional<std::string_view> as_string() const;

  /// The value of any of the integer types; nothing for every other type.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
};

/// An encoded field table, without its length, that was validated when it was decoded. A view: it
/// lives as long as what it was decoded from. Nothing is allocated until `decode`.
struct FieldTableView {
  std::string_view bytes;

  [[nodiscard]] bool empty() const { return bytes.empty(); }

  /// Decodes into an owning table; allocates.
  [[nodiscard]] FieldTable decode() const;

  /// The first field of that name, found without allocating, in time linear in the octets.
  [[nodiscard]] std::optional<FieldValueView> find(std::string_view name) const;

  friend constexpr bool operator==(const FieldTableView&, const FieldTableView&) = default;
};

/// Whether these octets (without a length) are a table within the limits of depth and size.
[[nodiscard]] bool is_valid_table(std::string_view bytes);

}  // namespace lepus::amqp

template <>
struct std::hash<lepus::amqp::ChannelNumber> {
  std::size_t operator()(const lepus::amqp::ChannelNumber& channel) const noexcept {
    return channel.value;
  }
};

template <>
struct std::hash<lepus::amqp::DeliveryTag> {
  std::size_t operator()(const lepus::amqp::DeliveryTag& tag) const noexcept { return tag.value; }
};
