#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "amqp/frame_writer.h"
#include "broker/connection/outgoing_buffer.h"
#include "broker/model/message.h"

namespace lepus::connection {

/// Bodies from this size on are referenced by the output instead of copied into it.
inline constexpr std::size_t referenced_body_bytes_min = std::size_t{8} * 1024;

/// Appends the body frames of a large body: only their frames' headers and ends are copied.
void append_body_references(OutgoingBuffer& output, std::uint16_t channel,
                            const model::MessagePtr& message, std::uint32_t frame_max_bytes);

/// Appends a method with the message as its content (basic.deliver, get-ok, return). Small bodies
/// are written in one pass.
/// @param properties  the message's, or changed ones
template <typename Method>
void append_content(OutgoingBuffer& output, std::uint16_t channel, const Method& method,
                    std::string_view properties, const model::MessagePtr& message,
                    std::uint32_t frame_max_bytes) {
  const amqp::ChannelNumber number{channel};
  const std::string_view body = message->body();
  const std::size_t start_bytes = amqp::content_start_size(method, properties.size());
  if (body.size() < referenced_body_bytes_min) [[likely]] {
    const std::size_t bytes = start_bytes + amqp::body_frames_size(body.size(), frame_max_bytes);
    char* out = output.reserve(bytes);
    out = amqp::write_content_start(out, number, method, properties, body.size());
    amqp::write_body_frames(out, number, body, frame_max_bytes);
    output.commit(bytes);
    return;
  }
  amqp::write_content_start(output.reserve(start_bytes), number, method, properties, body.size());
  output.commit(start_bytes);
  append_body_references(output, channel, message, frame_max_bytes);
}

/// The properties with the header x-delivery-count, as quorum queues show returned messages.
[[nodiscard]] std::string with_delivery_count(std::string_view properties, std::uint32_t count);

}  // namespace lepus::connection
