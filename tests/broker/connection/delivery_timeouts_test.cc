#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// consumer_timeout: on one shard, and with the queue on another.

namespace lepus::connection {
namespace {

using amqp::FieldTable;
using testing::BrokerInTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestClient;

class DeliveryTimeoutsTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  DeliveryTimeoutsTest() {
    broker_.settings().warn = [this](const std::string& text) { warnings_.push_back(text); };
    client_.open();
  }

  std::string declare(const FieldTable& arguments = {}) {
    const std::string encoded = arguments.encode();
    amqp::QueueDeclare method;
    method.arguments = {encoded};
    return client_.declare_on(GetParam() - 1, "q" + std::to_string(++declared_) + "_", method);
  }

  void consume(const std::string& queue, const FieldTable& arguments = {}) {
    const std::string encoded = arguments.encode();
    client_.send(1,
                 amqp::BasicConsume{.queue = queue, .consumer_tag = queue, .arguments = {encoded}});
    EXPECT_THAT(client_.answer(), HasSubstr("consume-ok"));
  }

  /// @return what came, deliveries mostly
  std::string publish(const std::string& queue, std::string_view body = "m") {
    client_.publish(1, {.routing_key = queue}, body);
    return client_.answer();
  }

  /// The answer to a long silence.
  std::string after(std::int64_t ms) {
    broker_.advance(ms);
    return client_.answer();
  }

  static std::string closed(std::int64_t timeout_ms, int channel = 1) {
    const std::string number = std::to_string(channel);
    return number +
           " channel.close reply-code=406 reply-text=\"PRECONDITION_FAILED - delivery "
           "acknowledgement on channel " +
           number + " timed out. Timeout value used: " + std::to_string(timeout_ms) +
           " ms. This timeout value can be configured, see consumers doc guide to learn more\" "
           "failing-class-id=0 failing-method-id=0\n";
  }

  std::int64_t ready(const std::string& queue) {
    TestClient other(broker_);
    other.open();
    other.send(1, amqp::QueueDeclare{.queue = queue, .passive = true});
    const std::string answer = other.answer();
    const auto at = answer.find("message-count=");
    return at == std::string::npos ? -1 : std::stoll(answer.substr(at + 14));
  }

  BrokerInTest broker_{GetParam()};
  TestClient client_{broker_};
  int declared_ = 0;
  std::vector<std::string> warnings_;
};

TEST_P(DeliveryTimeoutsTest, AfterHalfAnHourWithoutAnAckTheChannelIsClosed) {
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  EXPECT_EQ(after(1'799'999), "");
  EXPECT_EQ(ready(queue), 0);
  EXPECT_EQ(after(1), closed(1'800'000));
  EXPECT_EQ(ready(queue), 1) << "the message has gone back";
  EXPECT_EQ(after(60'000), "") << "told once";
  client_.send(1, amqp::ChannelCloseOk{}).send(1, amqp::ChannelOpen{});
  EXPECT_EQ(client_.answer(), "1 channel.open-ok reserved-1=\"\"\n") << "the connection goes on";
}

TEST_P(DeliveryTimeoutsTest, TheOperatorIsTold) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  after(1000);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("no acknowledgement of delivery 1 by consumer '" +
                                               queue + "' of queue '" + queue +
                                               "' in vhost '/' on channel 1 within 1000 ms")));
}

TEST_P(DeliveryTimeoutsTest, EachDeliveryHasItsOwnTime) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  EXPECT_EQ(after(600), "");
  publish(queue);
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  EXPECT_EQ(after(600), "") << "the first is acked, the second young";
  EXPECT_EQ(after(399), "");
  EXPECT_EQ(after(1), closed(1000));
}

TEST_P(DeliveryTimeoutsTest, ADeliveryAfterALongSilenceIsTimedToo) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  EXPECT_EQ(after(500'000), "");
  publish(queue);
  EXPECT_EQ(after(999), "");
  EXPECT_EQ(after(1), closed(1000));
}

TEST_P(DeliveryTimeoutsTest, BasicGetCounts) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  publish(queue);
  client_.send(1, amqp::BasicGet{.queue = queue});
  EXPECT_THAT(client_.answer(), HasSubstr("get-ok"));
  EXPECT_EQ(after(999), "");
  EXPECT_EQ(after(1), closed(1000));
}

TEST_P(DeliveryTimeoutsTest, WhatNeedsNoAckHasNoTimeout) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  publish(queue);
  publish(queue);
  client_.send(1, amqp::BasicGet{.queue = queue, .no_ack = true});
  EXPECT_THAT(client_.answer(), HasSubstr("get-ok"));
  client_.send(1, amqp::BasicConsume{.queue = queue, .no_ack = true});
  EXPECT_THAT(client_.answer(), HasSubstr("basic.deliver"));
  EXPECT_EQ(after(100'000), "");
}

TEST_P(DeliveryTimeoutsTest, ZeroIsNoTimeout) {
  broker_.settings().consumer_timeout_ms = 0;
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  EXPECT_EQ(after(10'000'000'000), "");
}

TEST_P(DeliveryTimeoutsTest, TheQueuesArgumentCountsBeforeTheBrokers) {
  const std::string brief = declare({{"x-consumer-timeout", std::int64_t{2000}}});
  const std::string endless = declare({{"x-consumer-timeout", std::int64_t{0}}});
  consume(endless);
  publish(endless);
  EXPECT_EQ(after(4'000'000), "");
  consume(brief);
  publish(brief);
  EXPECT_EQ(after(1999), "");
  EXPECT_EQ(after(1), closed(2000)) << "though an older delivery waits";
  EXPECT_EQ(ready(endless), 1);
}

TEST_P(DeliveryTimeoutsTest, TheConsumersArgumentCountsBeforeTheQueues) {
  const std::string queue = declare({{"x-consumer-timeout", std::int64_t{2000}}});
  consume(queue, {{"x-consumer-timeout", std::int64_t{5000}}});
  publish(queue);
  EXPECT_EQ(after(4999), "");
  EXPECT_EQ(after(1), closed(5000));
}

TEST_P(DeliveryTimeoutsTest, APolicyIsFollowedWithinAMinute) {
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  ASSERT_TRUE(broker_.topology().put_policy(
      {.vhost = "/", .name = "p", .definition = {{"consumer-timeout", std::int64_t{90'000}}}}));
  broker_.run();
  EXPECT_EQ(after(60'000), "");
  EXPECT_EQ(after(29'999), "");
  EXPECT_EQ(after(1), closed(90'000));
}

TEST_P(DeliveryTimeoutsTest, APolicyIsFollowedByACancelledConsumersDeliveries) {
  const std::string queue = declare();
  consume(queue);
  publish(queue);
  client_.send(1, amqp::BasicCancel{.consumer_tag = queue});
  EXPECT_THAT(client_.answer(), HasSubstr("cancel-ok"));
  ASSERT_TRUE(broker_.topology().put_policy(
      {.vhost = "/", .name = "p", .definition = {{"consumer-timeout", std::int64_t{70'000}}}}));
  broker_.run();
  EXPECT_EQ(after(60'000), "");
  EXPECT_EQ(after(10'000), closed(70'000));
}

TEST_P(DeliveryTimeoutsTest, OtherChannelsOfTheConnectionGoOn) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  client_.send(2, amqp::ChannelOpen{});
  client_.send(2, amqp::BasicQos{.prefetch_count = 1});
  client_.send(2, amqp::BasicConsume{.queue = queue, .consumer_tag = "other"});
  publish(queue, "first");
  EXPECT_EQ(after(600), "");
  client_.send(1, amqp::BasicConsume{.queue = queue, .consumer_tag = "mine"});
  EXPECT_THAT(publish(queue, "second"), HasSubstr("consumer-tag=\"mine\""));
  const std::string answer = after(400);
  EXPECT_THAT(answer, HasSubstr(closed(1000, 2)));
  EXPECT_THAT(answer, HasSubstr("consumer-tag=\"mine\" delivery-tag=2 redelivered=true"));
  EXPECT_EQ(after(599), "");
  EXPECT_EQ(after(1), closed(1000, 1));
}

TEST_P(DeliveryTimeoutsTest, WhatATransactionHasAckedIsTimedAgainAfterARollback) {
  broker_.settings().consumer_timeout_ms = 1000;
  const std::string queue = declare();
  client_.send(1, amqp::TxSelect{});
  client_.answer();
  consume(queue);
  client_.publish(1, {.routing_key = queue}, "m").send(1, amqp::TxCommit{});
  EXPECT_THAT(client_.answer(), HasSubstr("basic.deliver"));
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  EXPECT_EQ(after(5000), "");
  client_.send(1, amqp::TxRollback{});
  EXPECT_EQ(client_.answer(), "1 tx.rollback-ok\n");
  EXPECT_EQ(after(100), closed(1000));
}

INSTANTIATE_TEST_SUITE_P(Shards, DeliveryTimeoutsTest, ::testing::Values(1U, 2U));

}  // namespace
}  // namespace lepus::connection
