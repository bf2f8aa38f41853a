#include "amqp/frame_parser.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "amqp/frame_writer.h"
#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

std::string frame_bytes(int type, std::uint16_t channel, std::string_view payload,
                        int end = frame_end) {
  std::string bytes(frame_header_bytes, '\0');
  bytes[0] = static_cast<char>(type);
  store_big_endian(bytes.data() + 1, channel);
  store_big_endian(bytes.data() + 3, static_cast<std::uint32_t>(payload.size()));
  bytes += payload;
  return bytes + static_cast<char>(end);
}

std::string frame_sequence() {
  return frame_bytes(1, 0, octets({0, 10, 0, 51})) + frame_bytes(8, 0, "") +
         frame_bytes(1, 7, octets({0, 60, 0, 40, 0, 0, 0, 1, 'k', 0})) +
         frame_bytes(2, 7, octets({0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0})) +
         frame_bytes(3, 7, "abc") + frame_bytes(3, 65535, "");
}

struct OwnedFrame {
  FrameType type;
  ChannelNumber channel;
  std::string payload;

  bool operator==(const OwnedFrame&) const = default;
};

/// Reads what is there as a connection does; false on an error.
bool take_frames(std::string& input, std::vector<OwnedFrame>& frames) {
  const FrameParser parser;
  const ExactBuffer exact{input};
  std::string_view rest = exact.view();
  Frame frame;
  ParseStatus status = parser.parse(rest, frame);
  for (; status == ParseStatus::frame; status = parser.parse(rest, frame)) {
    frames.push_back({frame.type, frame.channel, std::string{frame.payload}});
    rest.remove_prefix(frame.wire_size_bytes());
  }
  input = std::string{rest};
  return status == ParseStatus::need_more;
}

TEST(FrameParser, finds_the_same_frames_wherever_the_input_is_split) {
  const std::string whole = frame_sequence();
  std::string input = whole;
  std::vector<OwnedFrame> expected;
  ASSERT_TRUE(take_frames(input, expected));
  ASSERT_EQ(input, "");
  ASSERT_EQ(expected.size(), 6U);
  EXPECT_EQ(expected[4], (OwnedFrame{FrameType::body, {7}, "abc"}));
  for (std::size_t split = 0; split <= whole.size(); ++split) {
    SCOPED_TRACE(split);
    std::vector<OwnedFrame> frames;
    input = whole.substr(0, split);
    ASSERT_TRUE(take_frames(input, frames));
    input += whole.substr(split);
    ASSERT_TRUE(take_frames(input, frames));
    EXPECT_EQ(frames, expected);
    EXPECT_EQ(input, "");
  }
}

TEST(FrameParser, finds_frames_that_come_octet_by_octet) {
  std::string input;
  std::vector<OwnedFrame> frames;
  for (const char octet : frame_sequence()) {
    input += octet;
    ASSERT_TRUE(take_frames(input, frames));
  }
  EXPECT_EQ(frames.size(), 6U);
}

TEST(FrameParser, tells_how_many_octets_it_needs) {
  const std::string bytes = frame_bytes(3, 1, "abcde");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(FrameParser::needed_bytes(bytes.substr(0, size)), size < 7 ? 7U : bytes.size());
  }
}

TEST(FrameParser, refuses_bad_frames_with_rabbitmqs_texts) {
  struct Row {
    const char* name;
    std::string input;
    ReplyCode code;
    const char* text;
  };

  const Row rows[] = {
      {"end marker", frame_bytes(1, 1, octets({0, 20, 0, 10, 0}), 0), ReplyCode::frame_error,
       "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}"},
      {"end marker, printable", frame_bytes(3, 1, "abc", 0xCF), ReplyCode::frame_error,
       "type 3, all octets = <<\"abc\">>: {invalid_frame_end_marker,207}"},
      {"end marker, 16 octets", frame_bytes(3, 1, "0123456789abcdef", 1), ReplyCode::frame_error,
       "type 3, all octets = <<\"0123456789abcdef\">>: {invalid_frame_end_marker,1}"},
      {"end marker, 17 octets", frame_bytes(3, 1, "0123456789abcdefg", 1), ReplyCode::frame_error,
       "type 3, first 16 octets = <<\"0123456789abcdef\">>: {invalid_frame_end_marker,1}"},
      {"too large", frame_bytes(3, 1, std::string(5000, 'x')), ReplyCode::frame_error,
       "type 3, all octets = <<>>: {frame_too_large,5000,4088}"},
      {"unknown type", frame_bytes(9, 1, "abc"), ReplyCode::frame_error,
       "type 9, all octets = <<\"abc\">>: unknown_frame"},
      {"unknown type on channel 0", frame_bytes(0, 0, "abc"), ReplyCode::frame_error,
       "type 0, all octets = <<\"abc\">>: unknown_frame"},
      {"heartbeat with payload", frame_bytes(8, 0, "abc"), ReplyCode::frame_error,
       "type 8, all octets = <<\"abc\">>: unknown_frame"},
      {"heartbeat with payload on a channel", frame_bytes(8, 1, "a"), ReplyCode::frame_error,
       "type 8, all octets = <<\"a\">>: unknown_frame"},
      {"method of 3 octets", frame_bytes(1, 1, octets({0, 20, 0})), ReplyCode::frame_error,
       "type 1, all octets = <<0,20,0>>: unknown_frame"},
      {"header of 11 octets", frame_bytes(2, 1, std::string(11, 'h')), ReplyCode::frame_error,
       "type 2, all octets = <<\"hhhhhhhhhhh\">>: unknown_frame"},
      {"heartbeat on a channel", frame_bytes(8, 1, ""), ReplyCode::unexpected_frame,
       "type 8, all octets = <<>>"},
      {"body on channel 0", frame_bytes(3, 0, "abc"), ReplyCode::unexpected_frame,
       "type 3, all octets = <<\"abc\">>"},
      {"header on channel 0", frame_bytes(2, 0, std::string(14, 'h')), ReplyCode::unexpected_frame,
       "type 2, all octets = <<\"hhhhhhhhhhhhhh\">>"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const FrameParser parser;
    const ExactBuffer input{row.input};
    Frame frame;
    ASSERT_EQ(parser.parse(input.view(), frame), ParseStatus::error);
    EXPECT_EQ(parser.error(input.view()), (ProtocolError{row.code, row.text, {}}));
  }
}

TEST(FrameParser, accepts_eight_octets_more_than_frame_max_and_not_nine) {
  FrameParser parser{8192};
  Frame frame;
  const std::string slack = frame_bytes(3, 1, std::string(8192, 'x'));
  EXPECT_EQ(parser.parse(slack, frame), ParseStatus::frame);
  const std::string over = frame_bytes(3, 1, std::string(8193, 'x'));
  EXPECT_EQ(parser.parse(over, frame), ParseStatus::error);
  EXPECT_EQ(parser.error(over).explanation,
            "type 3, all octets = <<>>: {frame_too_large,8193,8184}");
  parser.set_frame_max_bytes(0);
  EXPECT_EQ(parser.parse(over, frame), ParseStatus::frame);
}

TEST(FrameParser, refuses_a_frame_too_large_before_its_payload_is_there) {
  const FrameParser parser;
  const ExactBuffer input{octets({3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF})};
  Frame frame;
  EXPECT_EQ(parser.parse(input.view(), frame), ParseStatus::error);
  EXPECT_EQ(parser.error(input.view()).explanation,
            "type 3, all octets = <<>>: {frame_too_large,4294967295,4088}");
}

TEST(FrameParser, stays_inside_random_octets) {
  std::mt19937 random{42};
  const std::string seed = frame_sequence();
  int errors = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = seed.substr(0, random() % seed.size());
    for (unsigned change = random() % 4; change < 3 && !bytes.empty(); ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const ExactBuffer buffer{bytes};
    const FrameParser parser;
    std::string_view rest = buffer.view();
    Frame frame;
    ParseStatus status = parser.parse(rest, frame);
    for (; status == ParseStatus::frame; status = parser.parse(rest, frame)) {
      ASSERT_LE(frame.wire_size_bytes(), rest.size());
      rest.remove_prefix(frame.wire_size_bytes());
    }
    if (status == ParseStatus::error) {
      ++errors;
      EXPECT_TRUE(is_hard(parser.error(rest).code));
    } else {
      EXPECT_GT(FrameParser::needed_bytes(rest), rest.size());
    }
  }
  EXPECT_GT(errors, 0);
}

TEST(ProtocolHeader, is_accepted_of_0_9_1_and_0_9_only) {
  struct Row {
    std::string input;
    ProtocolHeaderStatus status;
  };

  const Row rows[] = {
      {octets({'A', 'M', 'Q', 'P', 0, 0, 9, 1}), ProtocolHeaderStatus::accepted},
      {octets({'A', 'M', 'Q', 'P', 0, 0, 9, 1, 1, 0}), ProtocolHeaderStatus::accepted},
      {octets({'A', 'M', 'Q', 'P', 1, 1, 0, 9}), ProtocolHeaderStatus::accepted},
      {octets({'A', 'M', 'Q', 'P', 0, 1, 0, 0}), ProtocolHeaderStatus::refused},
      {octets({'A', 'M', 'Q', 'P', 3, 1, 0, 0}), ProtocolHeaderStatus::refused},
      {octets({'A', 'M', 'Q', 'P', 1, 1, 8, 0}), ProtocolHeaderStatus::refused},
      {octets({'A', 'M', 'Q', 'P', 1, 1, 9, 1}), ProtocolHeaderStatus::refused},
      {"HTTP/1.1", ProtocolHeaderStatus::refused},
      {"", ProtocolHeaderStatus::need_more},
      {"HTTP/1.", ProtocolHeaderStatus::need_more},
      {octets({'A', 'M', 'Q', 'P', 0, 0, 9}), ProtocolHeaderStatus::need_more},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.input);
    const ExactBuffer input{row.input};
    EXPECT_EQ(parse_protocol_header(input.view()), row.status);
  }
  EXPECT_EQ(protocol_header, octets({'A', 'M', 'Q', 'P', 0, 0, 9, 1}));
}

}  // namespace
}  // namespace lepus::amqp
