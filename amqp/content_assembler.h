#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "amqp/basic_properties.h"
#include "amqp/content_header.h"
#include "amqp/frame.h"
#include "amqp/protocol_error.h"

namespace lepus::amqp {

/// What a channel is to do with a frame.
enum class ContentStep {
  /// A method: decode the payload; if it has content, call `begin`.
  method,
  /// The content header: see `header` and `properties`. `complete` is already true for an empty
  /// body.
  header,
  /// A piece of the body: the frame's payload. `complete` is true after the last one.
  body,
  /// The frame may not come here: see `error`.
  error,
};

/// Follows one channel through method → header → bodies and refuses what is out of order. It keeps
/// numbers only: the caller collects the body, in memory it allocates and charges at the header.
class ContentAssembler {
 public:
  /// A method with content has come; its header is due.
  void begin(MethodId method) {
    method_ = method;
    state_ = State::header;
  }

  /// Says what the frame (method, header or body) is. After `error` the connection is closed; the
  /// assembler is not used again.
  [[nodiscard]] ContentStep accept(const Frame& frame) {
    if (state_ == State::method && frame.type == FrameType::method) [[likely]] {
      return ContentStep::method;
    }
    if (state_ == State::body && frame.type == FrameType::body &&
        frame.payload.size() <= remaining_bytes_) [[likely]] {
      remaining_bytes_ -= frame.payload.size();
      state_ = remaining_bytes_ == 0 ? State::method : State::body;
      return ContentStep::body;
    }
    return state_ == State::header ? accept_header(frame) : refuse(frame);
  }

  /// After `header` or `body`: whether the content is all there. The next frame is then a method.
  [[nodiscard]] bool complete() const { return state_ == State::method; }

  /// Whether a header or a body is due.
  [[nodiscard]] bool in_content() const { return state_ != State::method; }

  /// Body octets still to come.
  [[nodiscard]] std::uint64_t remaining_bytes() const { return remaining_bytes_; }

  /// The method that began the content.
  [[nodiscard]] MethodId method() const { return method_; }

  /// Drops content under way, as when the channel is closed; a method is due.
  void reset() { *this = ContentAssembler{}; }

  /// What the client is told after `error`: hard, 501, 505 or 541.
  [[nodiscard]] const ProtocolError& error() const { return error_; }

  /// The header, right after `header`: its views end with the frame.
  [[nodiscard]] const ContentHeader& header() const { return header_; }

  /// The validated properties, right after `header`: views end with the frame.
  [[nodiscard]] const PropertyScan& properties() const { return properties_; }

 private:
  enum class State : std::uint8_t { method, header, body };

  ContentStep accept_header(const Frame& frame);
  ContentStep refuse(const Frame& frame);
  ContentStep fail(ReplyCode code, std::string explanation, MethodId method);

  State state_ = State::method;
  MethodId method_;
  std::uint64_t remaining_bytes_ = 0;
  ContentHeader header_;
  PropertyScan properties_;
  ProtocolError error_;
};

}  // namespace lepus::amqp
