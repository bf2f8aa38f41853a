#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "amqp/byte_order.h"
#include "amqp/constants.h"

namespace lepus::benchmarks {

/// Walks over the frames that a broker sends, looking at as little as possible: whole methods, and
/// the first octets of each body. The rest of a body is skipped, however it is cut. It trusts the
/// broker but for the octet at the end of frames.
///
/// The handler has `on_method(channel, payload, size_bytes)` and `on_body(channel, payload)`; the
/// latter is called once per body of at least `body_peek_bytes`, with just as many octets.
class FrameScanner {
 public:
  static constexpr std::size_t body_peek_bytes = 16;

  /// Walks over as much of the input as possible and returns how many octets that were; the rest
  /// must be presented again with more behind it.
  template <typename Handler>
  std::size_t scan(const char* data, std::size_t size_bytes, Handler&& handler) {
    const char* position = data;
    const char* const end = data + size_bytes;
    if (skip_bytes_ != 0) {
      const std::size_t skipped = std::min<std::size_t>(skip_bytes_, size_bytes);
      skip_bytes_ -= skipped;
      position += skipped;
    }
    while (end - position >= static_cast<std::ptrdiff_t>(amqp::frame_header_bytes)) {
      const char* const payload = position + amqp::frame_header_bytes;
      const auto available = static_cast<std::size_t>(end - payload);
      const std::size_t payload_bytes = amqp::load_big_endian<std::uint32_t>(position + 3);
      const auto channel = amqp::load_big_endian<std::uint16_t>(position + 1);
      if (position[0] == static_cast<char>(amqp::FrameType::body)) {
        if (first_body_frame_) {
          if (available < body_peek_bytes) {
            break;
          }
          first_body_frame_ = false;
          handler.on_body(channel, payload);
        }
        if (available < payload_bytes + 1) {
          skip_bytes_ = payload_bytes + 1 - available;
          return size_bytes;
        }
      } else {
        if (available < payload_bytes + 1) {
          break;
        }
        if (position[0] == static_cast<char>(amqp::FrameType::method)) {
          handler.on_method(channel, payload, payload_bytes);
        } else if (position[0] == static_cast<char>(amqp::FrameType::header)) {
          // A first frame of fewer octets than `body_peek_bytes` needs a frame_max below any that
          // may be negotiated.
          first_body_frame_ = amqp::load_big_endian<std::uint64_t>(payload + 4) >= body_peek_bytes;
        }
      }
      if (static_cast<std::uint8_t>(payload[payload_bytes]) != amqp::frame_end) [[unlikely]] {
        broken_ = true;
        return static_cast<std::size_t>(position - data);
      }
      position = payload + payload_bytes + 1;
    }
    return static_cast<std::size_t>(position - data);
  }

  /// Whether a frame did not end where it said it would; nothing after it makes sense.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  /// Octets of the current body frame, its end octet included, that have not come yet.
  std::size_t skip_bytes_ = 0;
  bool first_body_frame_ = false;
  bool broken_ = false;
};

}  // namespace lepus::benchmarks
