#include "amqp/content_assembler.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

constexpr MethodId publish{60, 40};

std::string header_payload(std::uint64_t body_size, std::string_view properties,
                           std::uint16_t class_id = 60, std::uint16_t weight = 0) {
  std::string payload(content_header_fixed_bytes, '\0');
  store_big_endian(payload.data(), class_id);
  store_big_endian(payload.data() + 2, weight);
  store_big_endian(payload.data() + 4, body_size);
  return payload + std::string{properties};
}

Frame frame(FrameType type, std::string_view payload) {
  return {type, ChannelNumber{1}, payload};
}

TEST(ContentAssembler, leads_through_method_header_and_bodies) {
  ContentAssembler assembler;
  const Frame method = frame(FrameType::method, "1234");
  EXPECT_EQ(assembler.accept(method), ContentStep::method);
  EXPECT_EQ(assembler.accept(method), ContentStep::method);
  assembler.begin(publish);
  EXPECT_TRUE(assembler.in_content());
  const std::string properties = encode_properties(BasicProperties{.priority = 3});
  const std::string header = header_payload(5, properties);
  EXPECT_EQ(assembler.accept(frame(FrameType::header, header)), ContentStep::header);
  EXPECT_FALSE(assembler.complete());
  EXPECT_EQ(assembler.header().property_bytes, properties);
  EXPECT_EQ(assembler.properties().priority, 3);
  EXPECT_EQ(assembler.accept(frame(FrameType::body, "ab")), ContentStep::body);
  EXPECT_EQ(assembler.accept(frame(FrameType::body, "")), ContentStep::body);
  EXPECT_EQ(assembler.remaining_bytes(), 3U);
  EXPECT_FALSE(assembler.complete());
  EXPECT_EQ(assembler.accept(frame(FrameType::body, "cde")), ContentStep::body);
  EXPECT_TRUE(assembler.complete());
  EXPECT_EQ(assembler.accept(method), ContentStep::method);
}

TEST(ContentAssembler, is_complete_at_the_header_of_an_empty_body) {
  ContentAssembler assembler;
  assembler.begin(publish);
  const std::string header = header_payload(0, empty_property_bytes);
  EXPECT_EQ(assembler.accept(frame(FrameType::header, header)), ContentStep::header);
  EXPECT_TRUE(assembler.complete());
  EXPECT_EQ(assembler.accept(frame(FrameType::body, "")), ContentStep::error);
}

TEST(ContentAssembler, forgets_the_content_of_a_closed_channel) {
  ContentAssembler assembler;
  assembler.begin(publish);
  assembler.reset();
  EXPECT_EQ(assembler.accept(frame(FrameType::method, "1234")), ContentStep::method);
}

TEST(ContentAssembler, takes_the_largest_body_size) {
  ContentAssembler assembler;
  assembler.begin(publish);
  const std::string header = header_payload(536870912, empty_property_bytes);
  EXPECT_EQ(assembler.accept(frame(FrameType::header, header)), ContentStep::header);
}

TEST(ContentAssembler, refuses_what_is_out_of_order_with_rabbitmqs_texts) {
  enum class Due { method, header, body };

  struct Row {
    const char* name;
    Due due;
    FrameType type;
    std::string payload;
    ProtocolError error;
  };

  const auto none = empty_property_bytes;
  const ProtocolError no_method{
      ReplyCode::unexpected_frame, "expected method frame, got non method frame instead", {}};
  const ProtocolError no_header{
      ReplyCode::unexpected_frame,
      "expected content header for class 60, got non content header frame instead", publish};
  const ProtocolError no_body{ReplyCode::unexpected_frame,
                              "expected content body, got non content body frame instead", publish};
  const ProtocolError undecodable{ReplyCode::internal_error, "", {}};
  const Row rows[] = {
      {"header for method", Due::method, FrameType::header, header_payload(1, none), no_method},
      {"body for method", Due::method, FrameType::body, "abc", no_method},
      {"method for header", Due::header, FrameType::method, "1234", no_header},
      {"body for header", Due::header, FrameType::body, "abc", no_header},
      {"weight", Due::header, FrameType::header, header_payload(1, none, 60, 1), no_header},
      {"other class",
       Due::header,
       FrameType::header,
       header_payload(1, none, 50),
       {ReplyCode::unexpected_frame,
        "expected content header for class 60, got one for class 50 instead", publish}},
      {"body size",
       Due::header,
       FrameType::header,
       header_payload(536870913, none),
       {ReplyCode::frame_error,
        "content body size 536870913 exceeds maximum allowed size 536870912", publish}},
      {"properties missing", Due::header, FrameType::header, header_payload(1, ""), undecodable},
      {"properties broken", Due::header, FrameType::header,
       header_payload(1, octets({0x80, 0, 9, 'a'})), undecodable},
      {"method for body", Due::body, FrameType::method, "1234", no_body},
      {"header for body", Due::body, FrameType::header, header_payload(1, none), no_body},
      {"too much body",
       Due::body,
       FrameType::body,
       "abcd",
       {ReplyCode::frame_error, "content body frame exceeds remaining content size", publish}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ContentAssembler assembler;
    const std::string header = header_payload(3, none);
    if (row.due != Due::method) {
      assembler.begin(publish);
    }
    if (row.due == Due::body) {
      ASSERT_EQ(assembler.accept(frame(FrameType::header, header)), ContentStep::header);
    }
    const ExactBuffer payload{row.payload};
    ASSERT_EQ(assembler.accept(frame(row.type, payload.view())), ContentStep::error);
    EXPECT_EQ(assembler.error(), row.error);
  }
}

}  // namespace
}  // namespace lepus::amqp
