#include "amqp/frame_parser.h"

#include <fmt/format.h>

#include "amqp/erlang_term.h"
#include "broker/base/assert.h"

namespace lepus::amqp {

namespace {

constexpr std::size_t snippet_max_bytes = 16;

/// What clients of AMQP 0-9 send; RabbitMQ serves them as 0-9-1.
constexpr std::string_view protocol_header_0_9{"AMQP\x01\x01\0\x09", 8};

}  // namespace

ProtocolError FrameParser::error(std::string_view input) const {
  LEPUS_ASSERT(input.size() >= frame_header_bytes, "a shorter input is not an error but need_more");
  const char* data = input.data();
  const auto type = load_big_endian<std::uint8_t>(data);
  const auto channel = load_big_endian<std::uint16_t>(data + 1);
  const std::size_t size_bytes = load_big_endian<std::uint32_t>(data + 3);
  if (size_bytes > payload_max_bytes_) {
    return {ReplyCode::frame_error,
            fmt::format("{}: {{frame_too_large,{},{}}}", describe_frame(type, {}), size_bytes,
                        frame_max_bytes_ - frame_overhead_bytes),
            MethodId{}};
  }
  LEPUS_ASSERT(input.size() >= size_bytes + frame_overhead_bytes, "this is need_more");
  const std::string_view payload = input.substr(frame_header_bytes, size_bytes);
  const auto end = load_big_endian<std::uint8_t>(data + frame_header_bytes + size_bytes);
  if (end != frame_end) {
    return {ReplyCode::frame_error,
            fmt::format("{}: {{invalid_frame_end_marker,{}}}", describe_frame(type, payload), end),
            MethodId{}};
  }
  // On channel 0 content is out of place, on others heartbeats are; all else is no frame at all.
  const bool out_of_place =
      channel == 0 ? (type == static_cast<std::uint8_t>(FrameType::header) &&
                      size_bytes >= content_header_fixed_bytes) ||
                         type == static_cast<std::uint8_t>(FrameType::body)
                   : type == static_cast<std::uint8_t>(FrameType::heartbeat) && size_bytes == 0;
  if (out_of_place) {
    return {ReplyCode::unexpected_frame, describe_frame(type, payload), MethodId{}};
  }
  return {ReplyCode::frame_error, describe_frame(type, payload) + ": unknown_frame", MethodId{}};
}

std::string describe_frame(std::uint8_t type, std::string_view payload) {
  const bool all = payload.size() <= snippet_max_bytes;
  return fmt::format("type {}, {} octets = {}", type, all ? "all" : "first 16",
                     erlang_binary(payload.substr(0, snippet_max_bytes)));
}

ProtocolHeaderStatus parse_protocol_header(std::string_view input) {
  if (input.size() < protocol_header.size()) {
    return ProtocolHeaderStatus::need_more;
  }
  const std::string_view header = input.substr(0, protocol_header.size());
  return header == protocol_header || header == protocol_header_0_9 ? ProtocolHeaderStatus::accepted
                                                                    : ProtocolHeaderStatus::refused;
}

}  // namespace lepus::amqp
