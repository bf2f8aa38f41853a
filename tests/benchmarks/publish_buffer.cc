#include "tests/benchmarks/publish_buffer.h"

#include <algorithm>
#include <numeric>

#include <boost/endian/conversion.hpp>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "amqp/frame_writer.h"

namespace lepus::benchmarks {

namespace {

/// How many messages fill a batch, as a multiple of `cycle` so that keys and channels come out
/// even.
std::size_t message_count(const RunOptions& options, std::size_t message_bytes, std::size_t cycle) {
  std::size_t count = options.batch_bytes / message_bytes;
  if (options.confirms()) {
    count = std::min(count, options.confirm_window * options.channels);
  }
  return std::max<std::size_t>(1, count / cycle) * cycle;
}

}  // namespace

PublishBuffer::PublishBuffer(const RunOptions& options, std::string_view exchange,
                             const std::vector<std::string>& routing_keys,
                             std::uint32_t frame_max_bytes) {
  const std::string body(options.size_bytes, 'x');
  amqp::BasicProperties properties;
  properties.delivery_mode = options.persistent ? amqp::persistent_delivery_mode : std::uint8_t{1};
  const std::string headers =
      options.delays() ? amqp::FieldTable{{"x-delay", std::int64_t{0}}}.encode() : "";
  if (options.delays()) {
    properties.headers = amqp::FieldTableView{headers};
  }
  const std::string property_bytes = amqp::encode_properties(properties);
  const auto append = [&](std::size_t index) {
    const amqp::BasicPublish publish{.exchange = exchange,
                                     .routing_key = routing_keys[index % routing_keys.size()],
                                     .mandatory = options.mandatory};
    const amqp::ChannelNumber channel{static_cast<std::uint16_t>(index % options.channels + 1)};
    starts_.push_back(bytes_.size());
    // The first body frame's payload comes after the method, the header and 7 octets.
    stamp_positions_.push_back(bytes_.size() +
                               amqp::content_start_size(publish, property_bytes.size()) +
                               amqp::frame_header_bytes);
    amqp::append_content(bytes_, channel, publish, property_bytes, body, frame_max_bytes);
    if (options.delays()) {
      const std::string_view before_the_number = "x-delayl";
      delay_positions_.push_back(bytes_.find(before_the_number, starts_.back()) +
                                 before_the_number.size());
    }
  };
  append(0);
  const std::size_t count =
      message_count(options, bytes_.size(), std::lcm(routing_keys.size(), options.channels));
  bytes_.reserve(bytes_.size() * count);
  for (std::size_t index = 1; index < count; ++index) {
    append(index);
  }
  starts_.push_back(bytes_.size());
}

void PublishBuffer::set_delay(std::size_t message, std::uint32_t delay_ms) {
  const std::uint64_t number = boost::endian::native_to_big(std::uint64_t{delay_ms});
  std::memcpy(bytes_.data() + delay_positions_[message], &number, sizeof number);
}

}  // namespace lepus::benchmarks
