#include "broker/connection/delivery.h"

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"

namespace lepus::connection {

void append_body_references(OutgoingBuffer& output, std::uint16_t channel,
                            const model::MessagePtr& message, std::uint32_t frame_max_bytes) {
  amqp::for_each_body_piece(message->body(), frame_max_bytes, [&](std::string_view piece) {
    amqp::write_frame_header(output.reserve(amqp::frame_header_bytes), amqp::FrameType::body,
                             amqp::ChannelNumber{channel}, piece.size());
    output.commit(amqp::frame_header_bytes);
    output.append_reference(message, piece);
    amqp::write_frame_end(output.reserve(1));
    output.commit(1);
  });
}

std::string with_delivery_count(std::string_view properties, std::uint32_t count) {
  auto decoded = amqp::decode_properties(properties);
  if (!decoded) {
    return std::string{properties};
  }
  amqp::FieldTable headers = decoded->headers ? decoded->headers->decode() : amqp::FieldTable{};
  headers.set("x-delivery-count", std::int64_t{count});
  const std::string encoded = headers.encode();
  decoded->headers = amqp::FieldTableView{encoded};
  return amqp::encode_properties(*decoded);
}

}  // namespace lepus::connection
