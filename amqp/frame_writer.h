#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/encoder.h"
#include "amqp/method_codec.h"
#include "amqp/methods/basic.h"
#include "amqp/types.h"

namespace lepus::amqp {

// Frames are written into raw memory: `…_size` says how many octets are needed, `write_…` writes
// just as many and returns the position behind them. `append_…` grow a string instead.

/// A frame's first 7 octets; the payload and `frame_end` must follow.
inline char* write_frame_header(char* out, FrameType type, ChannelNumber channel,
                                std::size_t payload_size_bytes) {
  store_big_endian(out, static_cast<std::uint8_t>(type));
  store_big_endian(out + 1, channel.value);
  store_big_endian(out + 3, static_cast<std::uint32_t>(payload_size_bytes));
  return out + frame_header_bytes;
}

/// A frame's last octet.
inline char* write_frame_end(char* out) {
  store_big_endian(out, frame_end);
  return out + 1;
}

/// Octets of the method's frame.
template <typename Method>
[[nodiscard]] std::size_t method_frame_size(const Method& method) {
  return encoded_size(method) + frame_overhead_bytes;
}

/// Writes a method frame whose payload size (`encoded_size`) the caller has already computed.
template <typename Method>
char* write_method_frame(char* out, ChannelNumber channel, const Method& method,
                         std::size_t payload_size_bytes) {
  out = write_frame_header(out, FrameType::method, channel, payload_size_bytes);
  Encoder encoder{out, out + payload_size_bytes};
  encode_method(encoder, method);
  LEPUS_ASSERT(encoder.room_bytes() == 0, "size and encoding walk the same field list");
  return write_frame_end(encoder.position());
}

/// Writes a method frame; needs `method_frame_size` octets.
template <typename Method>
char* write_method_frame(char* out, ChannelNumber channel, const Method& method) {
  return write_method_frame(out, channel, method, encoded_size(method));
}

/// Appends a method frame.
template <typename Method>
void append_method_frame(std::string& out, ChannelNumber channel, const Method& method) {
  const std::size_t payload_size_bytes = encoded_size(method);
  const std::size_t start = out.size();
  out.resize(start + payload_size_bytes + frame_overhead_bytes);
  write_method_frame(out.data() + start, channel, method, payload_size_bytes);
}

/// Octets of a content header frame.
[[nodiscard]] inline std::size_t content_header_frame_size(std::size_t property_size_bytes) {
  return content_header_fixed_bytes + property_size_bytes + frame_overhead_bytes;
}

/// Writes the content header frame of class basic around the message's property bytes.
inline char* write_content_header_frame(char* out, ChannelNumber channel,
                                        std::string_view property_bytes,
                                        std::uint64_t body_size_bytes) {
  const std::size_t payload_size_bytes = content_header_fixed_bytes + property_bytes.size();
  out = write_frame_header(out, FrameType::header, channel, payload_size_bytes);
  Encoder encoder{out, out + payload_size_bytes};
  encoder.write(basic_class_id);
  encoder.write(std::uint16_t{0});
  encoder.write(body_size_bytes);
  encoder.write_bytes(property_bytes);
  return write_frame_end(encoder.position());
}

/// The most body octets that fit in a frame; frame_max 0 is no limit.
[[nodiscard]] inline std::size_t body_frame_payload_max(std::uint32_t frame_max_bytes) {
  return frame_max_bytes == 0 ? std::numeric_limits<std::uint32_t>::max() - frame_overhead_bytes
                              : frame_max_bytes - frame_overhead_bytes;
}

/// How many body frames a body takes; none if it is empty.
[[nodiscard]] inline std::size_t body_frame_count(std::size_t body_size_bytes,
                                                  std::uint32_t frame_max_bytes) {
  const std::size_t payload_max_bytes = body_frame_payload_max(frame_max_bytes);
  return body_size_bytes <= payload_max_bytes
             ? (body_size_bytes == 0 ? 0 : 1)
             : (body_size_bytes + payload_max_bytes - 1) / payload_max_bytes;
}

/// Octets of all body frames of a body.
[[nodiscard]] inline std::size_t body_frames_size(std::size_t body_size_bytes,
                                                  std::uint32_t frame_max_bytes) {
  return body_size_bytes +
         body_frame_count(body_size_bytes, frame_max_bytes) * frame_overhead_bytes;
}

/// Calls `function(piece)` for each body frame's payload: for callers that reference large bodies
/// instead of copying them, with `write_frame_header` before and `write_frame_end` after each
/// piece.
template <typename Function>
void for_each_body_piece(std::string_view body, std::uint32_t frame_max_bytes,
                         Function&& function) {
  const std::size_t payload_max_bytes = body_frame_payload_max(frame_max_bytes);
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, payload_max_bytes);
    function(piece);
    body.remove_prefix(piece.size());
  }
}

/// Writes the body in as many frames as frame_max demands; needs `body_frames_size` octets.
inline char* write_body_frames(char* out, ChannelNumber channel, std::string_view body,
                               std::uint32_t frame_max_bytes) {
  for_each_body_piece(body, frame_max_bytes, [&](std::string_view piece) {
    out = write_frame_header(out, FrameType::body, channel, piece.size());
    std::memcpy(out, piece.data(), piece.size());
    out = write_frame_end(out + piece.size());
  });
  return out;
}

/// Octets of a method frame and the content header frame after it.
template <typename Method>
[[nodiscard]] std::size_t content_start_size(const Method& method,
                                             std::size_t property_size_bytes) {
  static_assert(Method::has_content);
  return method_frame_size(method) + content_header_frame_size(property_size_bytes);
}

/// Writes a method with content (basic.deliver, get-ok, return) up to its body: the method frame
/// and the content header frame; needs `content_start_size` octets.
template <typename Method>
char* write_content_start(char* out, ChannelNumber channel, const Method& method,
                          std::string_view property_bytes, std::uint64_t body_size_bytes) {
  static_assert(Method::has_content);
  out = write_method_frame(out, channel, method);
  return write_content_header_frame(out, channel, property_bytes, body_size_bytes);
}

/// Octets of a method with all of its content.
template <typename Method>
[[nodiscard]] std::size_t content_size(const Method& method, std::size_t property_size_bytes,
                                       std::size_t body_size_bytes, std::uint32_t frame_max_bytes) {
  return content_start_size(method, property_size_bytes) +
         body_frames_size(body_size_bytes, frame_max_bytes);
}

/// Appends a method with all of its content.
template <typename Method>
void append_content(std::string& out, ChannelNumber channel, const Method& method,
                    std::string_view property_bytes, std::string_view body,
                    std::uint32_t frame_max_bytes) {
  const std::size_t start = out.size();
  out.resize(start + content_size(method, property_bytes.size(), body.size(), frame_max_bytes));
  char* position =
      write_content_start(out.data() + start, channel, method, property_bytes, body.size());
  write_body_frames(position, channel, body, frame_max_bytes);
}

/// Octets of a heartbeat frame.
inline constexpr std::size_t heartbeat_frame_bytes = frame_overhead_bytes;

/// Writes a heartbeat frame; needs `heartbeat_frame_bytes` octets.
inline char* write_heartbeat(char* out) {
  return write_frame_end(write_frame_header(out, FrameType::heartbeat, ChannelNumber{0}, 0));
}

}  // namespace lepus::amqp
