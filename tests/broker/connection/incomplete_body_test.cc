#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// Bodies that were announced and do not come: what they may take of the broker's memory.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::HasSubstr;
using testing::TestClient;

constexpr std::size_t body_bytes = std::size_t{100} << 20U;

/// Method and header of a publish that announces a body.
std::string announce(std::uint16_t channel, std::size_t bytes) {
  const std::string properties = amqp::encode_properties({});
  const amqp::BasicPublish method{.routing_key = "nowhere"};
  std::string frames(amqp::content_start_size(method, properties.size()), '\0');
  amqp::write_content_start(frames.data(), amqp::ChannelNumber{channel}, method, properties, bytes);
  return frames;
}

class IncompleteBodyTest : public ::testing::Test {
 protected:
  IncompleteBodyTest() {
    client_.open();
    client_.send(2, amqp::ChannelOpen{}).send(3, amqp::ChannelOpen{}).send(4, amqp::ChannelOpen{});
    client_.answer();
  }

  BrokerInTest broker_;
  TestClient client_{broker_};
};

TEST_F(IncompleteBodyTest, AConnectionMayAnnounceSoMuchAndNoMore) {
  client_.send_bytes(announce(1, body_bytes));
  client_.send_bytes(announce(2, body_bytes));
  EXPECT_EQ(client_.answer(), "");
  client_.send_bytes(announce(3, body_bytes));
  EXPECT_EQ(client_.answer(),
            "3 channel.close reply-code=311 reply-text=\"CONTENT_TOO_LARGE - incomplete messages "
            "of the connection are larger than 268435456 bytes\" failing-class-id=60 "
            "failing-method-id=40\n");
  // Its body is skipped, and others go on.
  client_.publish(4, {.routing_key = "nowhere", .mandatory = true}, "small");
  EXPECT_THAT(client_.answer(), HasSubstr("4 basic.return reply-code=312"));
}

TEST_F(IncompleteBodyTest, WhatHasComeIsNotCounted) {
  const std::string body(std::size_t{1} << 20U, 'x');
  for (int count = 0; count < 300; ++count) {
    client_.publish(1, {.routing_key = "nowhere"}, body);
  }
  client_.send_bytes(announce(1, body_bytes));
  client_.send_bytes(announce(2, body_bytes));
  EXPECT_EQ(client_.answer(), "");
}

TEST_F(IncompleteBodyTest, OneMessageMayAlwaysBeAsLargeAsTheLargest) {
  broker_.settings().max_message_size_bytes = Connection::incomplete_bodies_bytes_max * 2;
  client_.send_bytes(announce(1, Connection::incomplete_bodies_bytes_max * 2));
  EXPECT_EQ(client_.answer(), "");
  client_.send_bytes(announce(2, 1));
  EXPECT_THAT(client_.answer(), HasSubstr("2 channel.close reply-code=311"));
}

}  // namespace
}  // namespace lepus::connection
