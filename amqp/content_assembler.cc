#include "amqp/content_assembler.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace lepus::amqp {

ContentStep ContentAssembler::accept_header(const Frame& frame) {
  const std::optional<ContentHeader> header =
      frame.type == FrameType::header ? decode_content_header(frame.payload) : std::nullopt;
  if (!header || header->weight != 0) {
    return fail(ReplyCode::unexpected_frame,
                fmt::format("expected content header for class {}, got non content header frame "
                            "instead",
                            method_.class_id),
                method_);
  }
  if (header->class_id != method_.class_id) {
    return fail(ReplyCode::unexpected_frame,
                fmt::format("expected content header for class {}, got one for class {} instead",
                            method_.class_id, header->class_id),
                method_);
  }
  if (header->body_size_bytes > body_max_bytes) {
    return fail(ReplyCode::frame_error,
                fmt::format("content body size {} exceeds maximum allowed size {}",
                            header->body_size_bytes, body_max_bytes),
                method_);
  }
  if (!scan_properties(header->property_bytes, properties_)) {
    return fail(ReplyCode::internal_error, {}, MethodId{});
  }
  header_ = *header;
  remaining_bytes_ = header->body_size_bytes;
  state_ = remaining_bytes_ == 0 ? State::method : State::body;
  return ContentStep::header;
}

ContentStep ContentAssembler::refuse(const Frame& frame) {
  if (state_ == State::method) {
    return fail(ReplyCode::unexpected_frame, "expected method frame, got non method frame instead",
                MethodId{});
  }
  if (frame.type == FrameType::body) {
    return fail(ReplyCode::frame_error, "content body frame exceeds remaining content size",
                method_);
  }
  return fail(ReplyCode::unexpected_frame,
              "expected content body, got non content body frame instead", method_);
}

ContentStep ContentAssembler::fail(ReplyCode code, std::string explanation, MethodId method) {
  error_ = {code, std::move(explanation), method};
  return ContentStep::error;
}

}  // namespace lepus::amqp
