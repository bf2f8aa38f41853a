#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lepus::amqp {

/// The first octet of a frame (AMQP 0-9-1 §4.2.3).
enum class FrameType : std::uint8_t { method = 1, header = 2, body = 3, heartbeat = 8 };

/// The last octet of every frame.
inline constexpr std::uint8_t frame_end = 0xCE;
/// Type, channel and payload size: what precedes a payload.
inline constexpr std::size_t frame_header_bytes = 7;
/// What a frame adds to its payload: its header and its end octet.
inline constexpr std::size_t frame_overhead_bytes = frame_header_bytes + 1;
/// Octets by which RabbitMQ lets a payload exceed frame_max minus the overhead.
inline constexpr std::size_t frame_size_slack_bytes = 8;
/// The smallest frame_max that may be negotiated; it holds until tune-ok.
inline constexpr std::uint32_t frame_min_bytes = 4096;
/// Class and method id before the arguments in a method frame.
inline constexpr std::size_t method_ids_bytes = 4;
/// Class id, weight and body size before the properties in a content header frame.
inline constexpr std::size_t content_header_fixed_bytes = 12;
/// The longest short string: its length is one octet.
inline constexpr std::size_t short_string_max_bytes = 255;
/// The largest body that may be announced, whatever the configuration.
inline constexpr std::uint64_t body_max_bytes = 536870912;
/// How deep tables and arrays may be nested in each other.
inline constexpr int field_table_max_depth = 32;
/// The largest encoded table that is decoded; frames are smaller by default.
inline constexpr std::size_t field_table_max_bytes = std::size_t{1} << 20;

static_assert(frame_min_bytes > frame_overhead_bytes);

/// Class ids of AMQP 0-9-1 and of RabbitMQ's extensions.
inline constexpr std::uint16_t connection_class_id = 10;
inline constexpr std::uint16_t channel_class_id = 20;
inline constexpr std::uint16_t access_class_id = 30;
inline constexpr std::uint16_t exchange_class_id = 40;
inline constexpr std::uint16_t queue_class_id = 50;
inline constexpr std::uint16_t basic_class_id = 60;
inline constexpr std::uint16_t confirm_class_id = 85;
inline constexpr std::uint16_t tx_class_id = 90;

/// Reply codes of channel.close, connection.close and basic.return.
enum class ReplyCode : std::uint16_t {
  reply_success = 200,
  content_too_large = 311,
  no_route = 312,
  no_consumers = 313,
  connection_forced = 320,
  invalid_path = 402,
  access_refused = 403,
  not_found = 404,
  resource_locked = 405,
  precondition_failed = 406,
  frame_error = 501,
  syntax_error = 502,
  command_invalid = 503,
  channel_error = 504,
  unexpected_frame = 505,
  resource_error = 506,
  not_allowed = 530,
  not_implemented = 540,
  internal_error = 541,
};

/// The number as methods carry it.
constexpr std::uint16_t to_number(ReplyCode code) {
  return static_cast<std::uint16_t>(code);
}

/// The name that begins reply texts, such as "PRECONDITION_FAILED".
[[nodiscard]] std::string_view reply_name(ReplyCode code);

/// Whether the error closes the connection (hard) rather than the channel alone (soft).
[[nodiscard]] bool is_hard(ReplyCode code);

/// "NAME - explanation", or the bare name without one; above 255 octets cut to 252 and "...".
[[nodiscard]] std::string reply_text(ReplyCode code, std::string_view explanation);

}  // namespace lepus::amqp
