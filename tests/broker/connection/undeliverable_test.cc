#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// Answers and deliveries from another shard whose channel is gone when they come.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::ContainsRegex;
using testing::TestClient;

class UndeliverableTest : public ::testing::Test {
 protected:
  UndeliverableTest() {
    client_.open();
    queue_ = client_.declare_on(1, "q");
    client_.publish(1, {.routing_key = queue_}, "a");
    client_.answer();
  }

  /// The connection is cut while its get is on the way to the queue's shard.
  void get_and_be_cut(bool no_ack) {
    TestClient getter{broker_, 0};
    getter.open();
    getter.send(1, amqp::BasicGet{.queue = queue_, .no_ack = no_ack});
    getter.cut();
  }

  std::string get() {
    client_.send(1, amqp::BasicGet{.queue = queue_});
    return client_.answer();
  }

  BrokerInTest broker_{2};
  TestClient client_{broker_, 0};
  std::string queue_;
};

TEST_F(UndeliverableTest, AGotMessageGoesBackToItsQueue) {
  get_and_be_cut(false);
  EXPECT_NE(get().find("redelivered=true"), std::string::npos);
}

TEST_F(UndeliverableTest, AGotMessageWithoutAckIsLostWithTheConnection) {
  get_and_be_cut(true);
  EXPECT_EQ(get(), "1 basic.get-empty cluster-id=\"\"\n");
}

TEST_F(UndeliverableTest, WhatIsOnItsWayToASingleActiveConsumerComesBeforeAnythingLater) {
  const amqp::FieldTable arguments{{"x-single-active-consumer", true}};
  const std::string bytes = arguments.encode();
  const std::string queue = client_.declare_on(1, "single", {.arguments = {bytes}});
  TestClient active{broker_, 0};
  active.open();
  active.send(1, amqp::BasicQos{.prefetch_count = 2});
  active.send(1, amqp::BasicConsume{.queue = queue});
  active.answer();
  client_.send(1, amqp::BasicConsume{.queue = queue, .consumer_tag = "next"});
  client_.answer();
  TestClient publisher{broker_, 1};  // Where the queue is: it delivers at once.
  publisher.open();
  for (const std::string_view body : {"1", "2", "3"}) {
    publisher.publish(1, {.routing_key = queue}, body);
  }
  active.cut();
  const std::string answer = client_.answer();
  EXPECT_THAT(answer, ContainsRegex("redelivered=true.*\n.*\n  \"1\"\n"
                                    ".*redelivered=true.*\n.*\n  \"2\"\n"
                                    ".*redelivered=false.*\n.*\n  \"3\"\n"));
}

TEST_F(UndeliverableTest, ADeliveryThatFollowsACancelComesBackWithItsConnection) {
  TestClient consumer{broker_, 0};
  consumer.open();
  client_.send(1, amqp::BasicGet{.queue = queue_, .no_ack = true});
  client_.answer();
  consumer.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  consumer.answer();
  TestClient publisher{broker_, 1};
  publisher.open();
  publisher.publish(1, {.routing_key = queue_}, "b");
  consumer.send(1, amqp::BasicCancel{.consumer_tag = "c"});
  consumer.cut();
  EXPECT_NE(get().find("redelivered=true"), std::string::npos);
}

}  // namespace
}  // namespace lepus::connection
