#pragma once

#include <cstddef>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// A whole, well-formed frame. The payload is a view into the input.
struct Frame {
  FrameType type = FrameType::method;
  ChannelNumber channel;
  std::string_view payload;

  /// The octets it took on the wire.
  [[nodiscard]] std::size_t wire_size_bytes() const {
    return payload.size() + frame_overhead_bytes;
  }
};

}  // namespace lepus::amqp
