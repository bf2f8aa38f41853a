#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// Answers and deliveries from another shard whose channel is gone when they come.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using testing::TestClient;

class UndeliverableTest : public ::testing::Test {
 protected:
  UndeliverableTest() {
    client_.open();
    for (int number = 0; queue_.empty(); ++number) {
      const std::string name = "q" + std::to_string(number);
      client_.send(1, amqp::QueueDeclare{.queue = name});
      client_.answer();
      if (broker_.topology().find_queue("/", name)->owner == 1) {
        queue_ = name;
      }
    }
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

}  // namespace
}  // namespace lepus::connection
