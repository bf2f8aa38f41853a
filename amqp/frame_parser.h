#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "amqp/byte_order.h"
#include "amqp/constants.h"
#include "amqp/frame.h"
#include "amqp/protocol_error.h"

namespace lepus::amqp {

/// What the octets at the start of an input are.
enum class ParseStatus {
  /// A whole frame, of `Frame::wire_size_bytes` octets.
  frame,
  /// The beginning of a frame.
  need_more,
  /// Nothing that may be read; `FrameParser::error` tells why. The input is no longer to be read.
  error,
};

/// Finds frames in a contiguous input. It keeps nothing of the input: whoever owns the input keeps
/// what follows the last frame and presents it again with more behind it.
class FrameParser {
 public:
  /// frame_max as negotiated, 0 for no limit; before tune-ok the protocol's minimum holds.
  explicit FrameParser(std::uint32_t frame_max_bytes = frame_min_bytes) {
    set_frame_max_bytes(frame_max_bytes);
  }

  void set_frame_max_bytes(std::uint32_t frame_max_bytes) {
    frame_max_bytes_ = frame_max_bytes;
    // RabbitMQ lets a payload exceed the limit by as much as a frame's overhead, and clients may
    // rely on it.
    payload_max_bytes_ =
        frame_max_bytes == 0
            ? std::numeric_limits<std::uint32_t>::max()
            : static_cast<std::uint32_t>(std::uint64_t{frame_max_bytes} - frame_overhead_bytes +
                                         frame_size_slack_bytes);
  }

  [[nodiscard]] std::uint32_t frame_max_bytes() const { return frame_max_bytes_; }

  /// Looks at the start of the input and fills `frame` if a whole one is there.
  [[nodiscard]] ParseStatus parse(std::string_view input, Frame& frame) const {
    if (input.size() < frame_header_bytes) {
      return ParseStatus::need_more;
    }
    const char* data = input.data();
    const std::size_t size_bytes = load_big_endian<std::uint32_t>(data + 3);
    if (size_bytes > payload_max_bytes_) [[unlikely]] {
      return ParseStatus::error;
    }
    if (input.size() < size_bytes + frame_overhead_bytes) {
      return ParseStatus::need_more;
    }
    const auto type = static_cast<FrameType>(data[0]);
    const ChannelNumber channel{load_big_endian<std::uint16_t>(data + 1)};
    if (static_cast<std::uint8_t>(data[frame_header_bytes + size_bytes]) != frame_end ||
        !well_formed(type, channel, size_bytes)) [[unlikely]] {
      return ParseStatus::error;
    }
    frame = {type, channel, {data + frame_header_bytes, size_bytes}};
    return ParseStatus::frame;
  }

  /// The octets that must be there in all for `parse` to get further than `need_more`.
  [[nodiscard]] static std::size_t needed_bytes(std::string_view input) {
    return input.size() < frame_header_bytes
               ? frame_header_bytes
               : load_big_endian<std::uint32_t>(input.data() + 3) + frame_overhead_bytes;
  }

  /// What the client is told about an input for which `parse` said `error`: hard, 501 or 505.
  [[nodiscard]] ProtocolError error(std::string_view input) const;

 private:
  /// Whether a frame of that type may be on that channel with that many octets.
  static bool well_formed(FrameType type, ChannelNumber channel, std::size_t size_bytes) {
    switch (type) {
      case FrameType::method:
        return size_bytes >= method_ids_bytes;
      case FrameType::header:
        return channel.value != 0 && size_bytes >= content_header_fixed_bytes;
      case FrameType::body:
        return channel.value != 0;
      case FrameType::heartbeat:
        return channel.value == 0 && size_bytes == 0;
    }
    return false;  // The type is an octet from outside.
  }

  std::uint32_t frame_max_bytes_ = 0;
  std::uint32_t payload_max_bytes_ = 0;
};

/// `type 1, all octets = <<0,20>>`: how RabbitMQ shows a frame; at most the first 16 octets.
[[nodiscard]] std::string describe_frame(std::uint8_t type, std::string_view payload);

/// The 8 octets that open a connection, and the answer to a client that opens with others.
inline constexpr std::string_view protocol_header{"AMQP\0\0\x09\x01", 8};

/// What a client opened the connection with.
enum class ProtocolHeaderStatus {
  /// Fewer than 8 octets so far.
  need_more,
  /// AMQP 0-9-1 or 0-9: 8 octets are used, connection.start follows.
  accepted,
  /// Anything else: answer with `protocol_header` and close the socket.
  refused,
};

/// Looks at the first 8 octets of a connection.
[[nodiscard]] ProtocolHeaderStatus parse_protocol_header(std::string_view input);

}  // namespace lepus::amqp
