#include "broker/connection/direct_connection.h"

#include <gtest/gtest.h>

#include "broker/connection/connection_walk.h"
#include "broker/model/queue.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;

class DirectConnectionTest : public ::testing::Test {
 protected:
  DirectConnectionTest() {
    auto opened = DirectConnection::open(broker_.connections(), "guest", "/");
    EXPECT_TRUE(opened.has_value());
    client_ = std::move(*opened);
  }

  /// Keeps the answer under a number, since answers come when the broker runs.
  DirectConnection::Handler keep() {
    answers_.emplace_back();
    return [this, index = answers_.size() - 1](DirectAnswer&& answer) {
      answers_[index] = std::move(answer);
      ++answered_;
    };
  }

  BrokerInTest broker_;
  std::unique_ptr<DirectConnection> client_;
  std::vector<DirectAnswer> answers_;
  std::size_t answered_ = 0;
};

TEST_F(DirectConnectionTest, ExecutesMethodsWithTheirContent) {
  client_->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  client_->publish("", "q", amqp::empty_property_bytes, "body", keep());
  client_->publish("", "nowhere", amqp::empty_property_bytes, "body", keep());
  client_->execute(amqp::BasicGet{.queue = "q", .no_ack = true}, keep());
  client_->execute(amqp::BasicGet{.queue = "q", .no_ack = true}, keep());
  broker_.run();
  ASSERT_EQ(answered_, 5U);
  EXPECT_EQ(amqp::name_of(*amqp::decode_method(answers_[0].method)), "queue.declare-ok");
  EXPECT_FALSE(answers_[1].returned);
  EXPECT_TRUE(answers_[2].returned);
  EXPECT_EQ(answers_[3].body, "body");
  EXPECT_EQ(answers_[3].properties, amqp::empty_property_bytes);
  EXPECT_EQ(amqp::name_of(*amqp::decode_method(answers_[4].method)), "basic.get-empty");
}

TEST_F(DirectConnectionTest, AnErrorEndsItsMethodOnly) {
  client_->execute(amqp::BasicGet{.queue = "nope"}, keep());
  client_->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  broker_.run();
  ASSERT_EQ(answered_, 2U);
  ASSERT_TRUE(answers_[0].error);
  EXPECT_EQ(answers_[0].error->code, amqp::ReplyCode::not_found);
  EXPECT_EQ(answers_[0].error->text, "no queue 'nope' in vhost '/'");
  EXPECT_FALSE(answers_[1].error);
}

TEST_F(DirectConnectionTest, AHardErrorEndsEverything) {
  client_->execute(amqp::ExchangeDeclare{.exchange = "x", .type = "nope"}, keep());
  client_->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  broker_.run();
  ASSERT_EQ(answered_, 2U);
  EXPECT_EQ(answers_[0].error->code, amqp::ReplyCode::command_invalid);
  EXPECT_EQ(answers_[1].error->code, amqp::ReplyCode::command_invalid);
  EXPECT_TRUE(client_->is_closed());
}

TEST_F(DirectConnectionTest, CallsAfterTheEndAreAnsweredWithItsReason) {
  client_->execute(amqp::ExchangeDeclare{.exchange = "x", .type = "nope"}, keep());
  broker_.run();
  client_->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  client_->execute_unanswered(amqp::BasicAck{});
  client_->publish("", "q", amqp::empty_property_bytes, "body", keep());
  broker_.run();
  ASSERT_EQ(answered_, 3U);
  EXPECT_EQ(answers_[1].error->code, amqp::ReplyCode::command_invalid);
  EXPECT_EQ(answers_[2].error->code, amqp::ReplyCode::command_invalid);
}

TEST_F(DirectConnectionTest, AUserWhoHasAllHisChannelsIsTold) {
  auto guest = broker_.topology().find_user("guest");
  guest->limits.max_channels = 1;
  EXPECT_TRUE(broker_.topology().put_user(*guest));
  broker_.run();
  const auto second = DirectConnection::open(broker_.connections(), "guest", "/");
  ASSERT_TRUE(second.has_value());
  broker_.run();
  (*second)->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  broker_.run();
  ASSERT_EQ(answered_, 1U);
  EXPECT_EQ(answers_[0].error->code, amqp::ReplyCode::not_allowed);
  EXPECT_EQ(answers_[0].error->text,
            "number of channels opened for user 'guest' has reached the maximum allowed user limit "
            "of (1)");
}

TEST_F(DirectConnectionTest, ItIsNotListedAndLeavesNothingBehind) {
  client_->execute(amqp::QueueDeclare{.queue = "q"}, keep());
  client_->publish("", "q", amqp::empty_property_bytes, "body", keep());
  client_->execute(amqp::BasicGet{.queue = "q"}, keep());
  broker_.run();
  std::vector<model::ConnectionRow> rows;
  ConnectionWalk{broker_.connections()}.append_rows(rows, 100);
  EXPECT_TRUE(rows.empty());
  client_.reset();
  EXPECT_EQ(broker_.connections().connection_count(), 0U);
  broker_.run();
  EXPECT_EQ(broker_.shard().find_queue(broker_.topology().find_queue("/", "q")->id)->ready_count(),
            1U);
}

TEST_F(DirectConnectionTest, AUserWithoutTheVhostIsRefused) {
  const auto refused = DirectConnection::open(broker_.connections(), "guest", "nope");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "vhost nope not found");
}

}  // namespace
}  // namespace lepus::connection
