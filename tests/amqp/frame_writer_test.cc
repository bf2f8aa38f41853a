#include "amqp/frame_writer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "amqp/basic_properties.h"
#include "amqp/content_header.h"
#include "amqp/frame_parser.h"
#include "amqp/methods/any_method.h"
#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

std::vector<Frame> frames_of(std::string_view input, std::uint32_t frame_max_bytes) {
  const FrameParser parser{frame_max_bytes};
  std::vector<Frame> frames;
  Frame frame;
  while (parser.parse(input, frame) == ParseStatus::frame) {
    frames.push_back(frame);
    input.remove_prefix(frame.wire_size_bytes());
  }
  EXPECT_EQ(input, "");
  return frames;
}

TEST(FrameWriter, frames_a_method) {
  std::string out = "before";
  append_method_frame(out, ChannelNumber{258}, BasicAck{.delivery_tag = {3}, .multiple = true});
  EXPECT_EQ(out, "before" +
                     octets({1, 1, 2, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0xCE}));
}

TEST(FrameWriter, writes_a_heartbeat) {
  std::string out(heartbeat_frame_bytes, '\0');
  EXPECT_EQ(write_heartbeat(out.data()), out.data() + out.size());
  EXPECT_EQ(out, octets({8, 0, 0, 0, 0, 0, 0, 0xCE}));
}

TEST(FrameWriter, writes_every_method_into_just_the_room_it_asked_for) {
  const std::string table = table_of_every_type().encode();
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    SCOPED_TRACE(Method::name);
    Method method;
    Method::visit_fields(method, FillingVisitor{table});
    const auto size = method_frame_size(method);
    const auto memory = std::make_unique<char[]>(size);
    EXPECT_EQ(write_method_frame(memory.get(), ChannelNumber{9}, method), memory.get() + size);
    const auto frames = frames_of({memory.get(), size}, 0);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(std::get<Method>(*decode_method(frames[0].payload)), method);
  });
}

TEST(FrameWriter, splits_a_body_at_frame_max) {
  struct Row {
    std::size_t body_size;
    std::vector<std::size_t> pieces;
  };

  const Row rows[] = {
      {0, {}},
      {1, {1}},
      {4087, {4087}},
      {4088, {4088}},
      {4089, {4088, 1}},
      {8176, {4088, 4088}},
      {10000, {4088, 4088, 1824}},
  };
  const BasicDeliver deliver{.consumer_tag = "tag",
                             .delivery_tag = {77},
                             .redelivered = true,
                             .exchange = "exchange",
                             .routing_key = "key"};
  const std::string properties = encode_properties(BasicProperties{.delivery_mode = 2});
  for (const Row& row : rows) {
    SCOPED_TRACE(row.body_size);
    std::string body(row.body_size, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) {
      body[i] = static_cast<char>(i % 251);
    }
    EXPECT_EQ(body_frame_count(body.size(), 4096), row.pieces.size());
    std::string out;
    append_content(out, ChannelNumber{5}, deliver, properties, body, 4096);
    EXPECT_EQ(out.size(), content_size(deliver, properties.size(), body.size(), 4096));
    const auto frames = frames_of(out, 4096);
    ASSERT_EQ(frames.size(), 2 + row.pieces.size());
    EXPECT_EQ(std::get<BasicDeliver>(*decode_method(frames[0].payload)), deliver);
    EXPECT_EQ(decode_content_header(frames[1].payload),
              (ContentHeader{60, 0, body.size(), properties}));
    std::string joined;
    for (std::size_t i = 0; i < row.pieces.size(); ++i) {
      EXPECT_EQ(frames[2 + i].type, FrameType::body);
      EXPECT_EQ(frames[2 + i].channel, ChannelNumber{5});
      EXPECT_EQ(frames[2 + i].payload.size(), row.pieces[i]);
      joined += frames[2 + i].payload;
    }
    EXPECT_EQ(joined, body);
  }
}

TEST(FrameWriter, without_frame_max_sends_the_body_in_one_frame) {
  EXPECT_EQ(body_frame_count(500000000, 0), 1U);
  EXPECT_EQ(body_frames_size(500000000, 0), 500000008U);
}

}  // namespace
}  // namespace lepus::amqp
