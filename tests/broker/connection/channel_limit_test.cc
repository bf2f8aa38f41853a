#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// Tokens of a channel-wide limit (basic.qos global=true) that a queue has no use for, or whose
// consumer goes: another consumer of the channel gets them.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestClient;

class ChannelLimitTest : public ::testing::Test {
 protected:
  explicit ChannelLimitTest(std::uint32_t shards = 1) : broker_(shards) {
    client_.open();
    other_.open();
    client_.send(1, amqp::BasicQos{.prefetch_count = 1, .global = true});
  }

  /// A new queue of that shard, and a consumer of that tag on it.
  std::string consume(std::string_view tag, model::ShardIndex owner = 0) {
    std::string queue;
    do {
      queue = "q" + std::to_string(++last_queue_);
      other_.send(1, amqp::QueueDeclare{.queue = queue});
      other_.answer();
    } while (broker_.topology().find_queue("/", queue)->owner != owner);
    consume_too(queue, tag);
    return queue;
  }

  void consume_too(std::string_view queue, std::string_view tag) {
    client_.send(1, amqp::BasicConsume{.queue = queue, .consumer_tag = tag});
    client_.answer();
  }

  /// @return what comes to the consumers.
  std::string publish(std::string_view queue, std::string_view body) {
    other_.publish(1, {.routing_key = queue}, body);
    other_.answer();
    return client_.answer();
  }

  void take_away(std::string_view queue, std::string_view body) {
    other_.send(1, amqp::BasicGet{.queue = queue, .no_ack = true});
    EXPECT_THAT(other_.answer(), EndsWith("\"" + std::string{body} + "\"\n"));
  }

  BrokerInTest broker_;
  TestClient client_{broker_};
  TestClient other_{broker_};

 private:
  int last_queue_ = 0;
};

TEST_F(ChannelLimitTest, ATokenThatAConsumerGivesBackToItsOwnQueueIsGivenBackAgain) {
  const std::string queue = consume("a");
  consume_too(queue, "b");
  const std::string second = consume("c");
  EXPECT_THAT(publish(queue, "1"), HasSubstr("consumer-tag=\"a\""));
  EXPECT_EQ(publish(queue, "2"), "");  // b waits for a token, and then a.
  take_away(queue, "2");
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  EXPECT_EQ(client_.answer(), "");
  EXPECT_THAT(publish(second, "3"), HasSubstr("consumer-tag=\"c\""));
}

class ChannelLimitAcrossShardsTest : public ChannelLimitTest {
 protected:
  ChannelLimitAcrossShardsTest() : ChannelLimitTest(3) {}
};

TEST_F(ChannelLimitAcrossShardsTest, ATokenOnItsWayToACancelledConsumerIsFree) {
  const std::string first = consume("a", 2);
  const std::string second = consume("b", 1);
  const std::string third = consume("c", 1);
  EXPECT_THAT(publish(first, "1"), HasSubstr("consumer-tag=\"a\""));
  EXPECT_EQ(publish(first, "2"), "");
  EXPECT_EQ(publish(second, "3"), "");
  EXPECT_EQ(publish(third, "4"), "");
  take_away(first, "2");
  // The token goes to a, from there to b, whose cancel is on its way, and then it is free.
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_.send(1, amqp::BasicCancel{.consumer_tag = "b"});
  const std::string answer = client_.answer();
  EXPECT_THAT(answer, HasSubstr("basic.cancel-ok consumer-tag=\"b\""));
  EXPECT_THAT(answer, HasSubstr("consumer-tag=\"c\""));
  EXPECT_THAT(answer, Not(HasSubstr("basic.deliver consumer-tag=\"b\"")));
}

}  // namespace
}  // namespace lepus::connection
