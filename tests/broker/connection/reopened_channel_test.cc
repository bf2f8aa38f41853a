#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// A channel whose number a closed one had before: answers to that one are not taken for its own.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::HasSubstr;
using testing::TestClient;

/// With the queue on the client's shard, or on another.
class ReopenedChannelTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  ReopenedChannelTest() {
    client_.open();
    queue_ = client_.declare_on(GetParam() - 1, "q", {.durable = true});
  }

  void publish() { client_.publish(1, {.routing_key = queue_}, "a", {.delivery_mode = 2}); }

  /// A persistent publish is on its way to the disk when its channel is closed and opened again.
  void publish_and_reopen() {
    client_.send(1, amqp::ConfirmSelect{});
    client_.answer();
    broker_.store().hold();
    publish();
    client_.answer();
    client_.send(1, amqp::ChannelClose{.reply_code = 200});
    client_.send(1, amqp::ChannelOpen{});
    EXPECT_THAT(client_.answer(), HasSubstr("1 channel.open-ok"));
  }

  BrokerInTest broker_{GetParam()};
  TestClient client_{broker_};
  std::string queue_;
};

INSTANTIATE_TEST_SUITE_P(Shards, ReopenedChannelTest, ::testing::Values(1U, 2U));

TEST_P(ReopenedChannelTest, ConfirmsItsOwnPublishWhenThatIsCommitted) {
  publish_and_reopen();
  client_.send(1, amqp::ConfirmSelect{});
  publish();
  EXPECT_EQ(client_.answer(), "1 confirm.select-ok\n");
  broker_.store().release_one();
  EXPECT_EQ(client_.answer(), "");
  broker_.store().release();
  EXPECT_EQ(client_.answer(), "1 basic.ack delivery-tag=1 multiple=false\n");
}

TEST_P(ReopenedChannelTest, AnswersItsOwnCommitWhenThatIsCommitted) {
  publish_and_reopen();
  client_.send(1, amqp::TxSelect{});
  publish();
  client_.send(1, amqp::TxCommit{});
  EXPECT_EQ(client_.answer(), "1 tx.select-ok\n");
  broker_.store().release_one();
  EXPECT_EQ(client_.answer(), "");
  broker_.store().release();
  EXPECT_EQ(client_.answer(), "1 tx.commit-ok\n");
}

}  // namespace
}  // namespace lepus::connection
