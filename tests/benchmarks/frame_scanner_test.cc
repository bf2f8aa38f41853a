#include "tests/benchmarks/frame_scanner.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/basic.h"
#include "tests/benchmarks/publish_buffer.h"

namespace lepus::benchmarks {

namespace {

struct Seen {
  void on_method(std::uint16_t channel, const char* payload, std::size_t size_bytes) {
    channels.push_back(channel);
    methods.emplace_back(payload, size_bytes);
  }

  void on_body(std::uint16_t /*channel*/, const char* payload) {
    bodies.emplace_back(payload, FrameScanner::body_peek_bytes);
  }

  std::vector<std::uint16_t> channels;
  std::vector<std::string> methods;
  std::vector<std::string> bodies;
};

/// Deliveries with bodies of these sizes, of the letters a, b, c and so on, on channels 1, 2, 3 …
std::string deliveries(const std::vector<std::size_t>& sizes, std::uint32_t frame_max_bytes) {
  std::string bytes;
  for (std::size_t index = 0; index < sizes.size(); ++index) {
    amqp::append_content(bytes, amqp::ChannelNumber{static_cast<std::uint16_t>(index + 1)},
                         amqp::BasicDeliver{.consumer_tag = "tag", .delivery_tag = {index + 1}},
                         amqp::empty_property_bytes,
                         std::string(sizes[index], static_cast<char>('a' + index)),
                         frame_max_bytes);
  }
  return bytes;
}

TEST(FrameScannerTest, sees_methods_and_the_start_of_bodies_wherever_the_input_is_cut) {
  std::string input = deliveries({16, 0, 5, 3000, 17, 4088}, 1024);
  input.resize(input.size() + amqp::heartbeat_frame_bytes);
  amqp::write_heartbeat(input.data() + input.size() - amqp::heartbeat_frame_bytes);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{100}, input.size()}) {
    FrameScanner scanner;
    Seen seen;
    std::string pending;
    for (std::size_t position = 0; position < input.size(); position += step) {
      pending += input.substr(position, step);
      pending.erase(0, scanner.scan(pending.data(), pending.size(), seen));
    }
    EXPECT_EQ(pending, "");
    EXPECT_FALSE(scanner.broken());
    EXPECT_EQ(seen.channels, (std::vector<std::uint16_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(seen.bodies, (std::vector<std::string>{std::string(16, 'a'), std::string(16, 'd'),
                                                     std::string(16, 'e'), std::string(16, 'f')}));
  }
}

TEST(FrameScannerTest, notices_a_frame_without_its_end) {
  std::string input = deliveries({16, 16}, 4096);
  input.back() = 'x';
  FrameScanner scanner;
  Seen seen;
  scanner.scan(input.data(), input.size(), seen);
  EXPECT_TRUE(scanner.broken());
}

TEST(PublishBufferTest, stamps_each_body_and_takes_keys_and_channels_in_turn) {
  RunOptions options;
  options.channels = 2;
  options.batch_bytes = 1000;
  PublishBuffer buffer{options, "exchange", {"one", "three", "seventeen"}, 4096};
  ASSERT_EQ(buffer.count() % 6, 0U);
  for (std::size_t message = 0; message < buffer.count(); ++message) {
    buffer.stamp(message, static_cast<std::int64_t>(message) + 1000);
  }
  const std::string_view bytes = buffer.bytes(0, buffer.count());
  FrameScanner scanner;
  Seen seen;
  EXPECT_EQ(scanner.scan(bytes.data(), bytes.size(), seen), bytes.size());
  ASSERT_EQ(seen.bodies.size(), buffer.count());
  for (std::size_t message = 0; message < buffer.count(); ++message) {
    EXPECT_EQ(read_stamp(seen.bodies[message].data()), static_cast<std::int64_t>(message) + 1000);
    EXPECT_EQ(seen.channels[message], message % 2 + 1);
  }
  EXPECT_NE(seen.methods[2].find("seventeen"), std::string::npos);
}

}  // namespace

}  // namespace lepus::benchmarks
