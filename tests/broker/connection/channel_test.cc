#include "broker/connection/channel.h"

#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using testing::TestClient;

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() { client_.open(); }

  void declare(std::string_view name) {
    client_.send(1, amqp::QueueDeclare{.queue = name});
    client_.answer();
  }

  BrokerInTest broker_;
  TestClient client_{broker_};
};

TEST_F(ChannelTest, DeclaresPublishesAndGets) {
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  EXPECT_EQ(client_.answer(), "1 queue.declare-ok queue=\"q\" message-count=0 consumer-count=0\n");
  client_.publish(1, {.routing_key = "q"}, "hello");
  client_.send(1, amqp::BasicGet{.queue = "q"});
  EXPECT_EQ(client_.answer(),
            "1 basic.get-ok delivery-tag=1 redelivered=false exchange=\"\" routing-key=\"q\" "
            "message-count=0\n  5 octets\n  \"hello\"\n");
  client_.send(1, amqp::BasicGet{.queue = "q"});
  EXPECT_EQ(client_.answer(), "1 basic.get-empty cluster-id=\"\"\n");
}

TEST_F(ChannelTest, ConsumeOkComesBeforeTheFirstDelivery) {
  declare("q");
  client_.publish(1, {.routing_key = "q"}, "a");
  client_.send(1, amqp::BasicConsume{.queue = "q", .consumer_tag = "c"});
  EXPECT_EQ(client_.answer(),
            "1 basic.consume-ok consumer-tag=\"c\"\n"
            "1 basic.deliver consumer-tag=\"c\" delivery-tag=1 redelivered=false exchange=\"\" "
            "routing-key=\"q\"\n  1 octets\n  \"a\"\n");
}

}  // namespace
}  // namespace lepus::connection
