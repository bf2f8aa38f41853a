#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/model/queue.h"
#include "tests/broker/connection/restart_fixture.h"

// The dead-letter strategy at-least-once: a dead message stays in its queue until its targets have
// it. With the targets on the queue's shard, and on another.

namespace lepus::connection {
namespace {

using amqp::FieldTable;
using ::testing::HasSubstr;
using ::testing::Not;

class KeptLettersTest : public RestartFixture {
 protected:
  /// On the first shard.
  std::string declare_source(const FieldTable& more = {}) {
    FieldTable arguments{{"x-queue-type", "quorum"},
                         {"x-overflow", "reject-publish"},
                         {"x-dead-letter-exchange", "dlx"},
                         {"x-dead-letter-strategy", "at-least-once"}};
    for (const amqp::Field& field : more.fields()) {
      arguments.set(field.name, field.value);
    }
    return declare(0, "source", arguments);
  }

  std::string declare(model::ShardIndex owner, const std::string& prefix,
                      const FieldTable& arguments = {}) {
    const std::string encoded = arguments.encode();
    amqp::QueueDeclare method{.durable = true};
    method.arguments = {encoded};
    return client_->declare_on(owner, prefix, method);
  }

  /// On the last shard, bound to the dead-letter exchange.
  std::string declare_target(const std::string& prefix, const FieldTable& arguments = {}) {
    std::string target = declare(GetParam() - 1, prefix, arguments);
    client_->send(1, amqp::ExchangeDeclare{.exchange = "dlx", .type = "fanout", .durable = true});
    client_->send(1, amqp::QueueBind{.queue = target, .exchange = "dlx"});
    EXPECT_THAT(client_->answer(), HasSubstr("queue.bind-ok"));
    return target;
  }

  void publish(const std::string& queue, std::string_view body) {
    client_->publish(1, {.routing_key = queue}, body);
    client_->answer();
  }

  void reject(const std::string& queue) {
    client_->send(2, amqp::ChannelOpen{}).send(2, amqp::BasicGet{.queue = queue});
    EXPECT_THAT(client_->answer(), HasSubstr("get-ok"));
    client_->send(2, amqp::BasicReject{.delivery_tag = {1}, .requeue = false});
    client_->answer();
    client_->send(2, amqp::ChannelClose{});
    EXPECT_EQ(client_->answer(), "2 channel.close-ok\n");
  }

  /// What basic.get without an ack gives.
  std::string take(const std::string& queue) {
    client_->send(1, amqp::BasicGet{.queue = queue, .no_ack = true});
    return client_->answer();
  }

  /// Takes it until it is empty.
  int count(const std::string& queue) {
    int count = 0;
    while (take(queue).find("get-ok") != std::string::npos) {
      ++count;
    }
    return count;
  }

  std::uint64_t unacked(const std::string& queue) {
    const auto record = broker_->topology().find_queue("/", queue);
    return broker_->shard(record->owner).find_queue(record->id)->unacked_count();
  }
};

TEST_P(KeptLettersTest, ALetterWithAWayGoesAtOnce) {
  const std::string source = declare_source();
  const std::string target = declare_target("target");
  publish(source, "m");
  reject(source);
  EXPECT_EQ(unacked(source), 0U);
  EXPECT_THAT(take(target), HasSubstr("\"reason\": \"rejected\""));
  EXPECT_EQ(count(target), 0);
  broker_->advance(2000);
  restart();
  EXPECT_EQ(count(source), 0);
}

TEST_P(KeptLettersTest, ALetterStaysUntilThereIsAnExchangeAndARoute) {
  const std::string source = declare_source();
  publish(source, "m");
  reject(source);
  broker_->advance(10'000);
  EXPECT_EQ(unacked(source), 1U) << "no exchange";
  client_->send(1, amqp::ExchangeDeclare{.exchange = "dlx", .type = "fanout", .durable = true});
  client_->answer();
  broker_->advance(10'000);
  EXPECT_EQ(unacked(source), 1U) << "no binding";
  EXPECT_EQ(count(source), 0) << "nobody gets it";
  const std::string target = declare_target("target");
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 0U);
  const std::string letter = take(target);
  EXPECT_THAT(letter, HasSubstr("\"reason\": \"rejected\""));
  EXPECT_THAT(letter, HasSubstr("\"count\": 1,"));
  EXPECT_THAT(letter, HasSubstr("\"time\": 1700000001,")) << "of its death";
}

TEST_P(KeptLettersTest, ALetterStaysWhileItsTargetRefusesAndTheOthersGetItOnce) {
  const std::string source = declare_source();
  const std::string open = declare_target("open");
  const std::string full =
      declare_target("full", {{"x-overflow", "reject-publish"}, {"x-max-length", 1}});
  publish(full, "in the way");
  publish(source, "m");
  reject(source);
  broker_->advance(5000);
  EXPECT_EQ(unacked(source), 1U);
  EXPECT_EQ(count(open), 1);
  EXPECT_EQ(count(full), 1) << "what was in the way";
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 0U);
  EXPECT_EQ(count(full), 1);
  EXPECT_EQ(count(open), 0);
}

TEST_P(KeptLettersTest, ExpiredAndTooOftenReturnedMessagesAreKeptToo) {
  const std::string source = declare_source({{"x-message-ttl", 2000}, {"x-delivery-limit", 0}});
  publish(source, "returned");
  client_->send(1, amqp::BasicGet{.queue = source});
  client_->answer();
  client_->send(1, amqp::BasicNack{.delivery_tag = {1}, .requeue = true});
  client_->answer();
  publish(source, "expired");
  broker_->advance(2000);
  broker_->advance(2000);
  EXPECT_EQ(unacked(source), 2U);
  const std::string target = declare_target("target");
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 0U);
  EXPECT_THAT(take(target), HasSubstr("\"reason\": \"delivery_limit\""));
  EXPECT_THAT(take(target), HasSubstr("\"reason\": \"expired\""));
}

TEST_P(KeptLettersTest, WithDropHeadTheStrategyIsAtMostOnce) {
  const std::string source = declare_source({{"x-overflow", "drop-head"}});
  publish(source, "m");
  reject(source);
  EXPECT_EQ(unacked(source), 0U);
  broker_->advance(2000);
  restart();
  EXPECT_EQ(count(source), 0);
}

TEST_P(KeptLettersTest, KeptLettersCountForTheLengthLimit) {
  const std::string source = declare_source({{"x-max-length", 2}});
  publish(source, "1");
  publish(source, "2");
  reject(source);
  client_->send(1, amqp::ConfirmSelect{}).answer();
  client_->publish(1, {.routing_key = source}, "3");
  EXPECT_THAT(client_->answer(), HasSubstr("basic.nack"));
  declare_target("target");
  broker_->advance(1000);
  client_->publish(1, {.routing_key = source}, "3");
  EXPECT_THAT(client_->answer(), HasSubstr("basic.ack"));
}

TEST_P(KeptLettersTest, AfterARestartAKeptMessageIsInItsQueue) {
  const std::string source = declare_source();
  publish(source, "m");
  broker_->advance(2000);
  reject(source);
  broker_->advance(2000);
  restart();
  EXPECT_THAT(take(source), HasSubstr("\"m\""));
}

TEST_P(KeptLettersTest, PoliciesSetAndLiftTheStrategy) {
  const std::string source = declare(0, "source", {{"x-queue-type", "quorum"}});
  const auto put = [&](const char* strategy) {
    ASSERT_TRUE(
        broker_->topology().put_policy({.vhost = "/",
                                        .name = "p",
                                        .pattern = "source",
                                        .definition = {{"dead-letter-exchange", "dlx"},
                                                       {"overflow", "reject-publish"},
                                                       {"dead-letter-strategy", strategy}}}));
    broker_->run();
  };
  put("at-least-once");
  publish(source, "m");
  reject(source);
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 1U);
  put("at-most-once");
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 0U) << "sent once, to nobody";
}

TEST_P(KeptLettersTest, DeletingTheQueueEndsItsLetters) {
  const std::string source = declare_source();
  publish(source, "m");
  reject(source);
  client_->send(1, amqp::QueueDelete{.queue = source});
  EXPECT_THAT(client_->answer(), HasSubstr("delete-ok message-count=0"));
  const std::string target = declare_target("target");
  broker_->advance(5000);
  EXPECT_EQ(count(target), 0);
}

TEST_P(KeptLettersTest, ATargetThatIsDeletedBeforeTheLetterComesHasNotGotIt) {
  const std::string source = declare_source();
  const std::string target = declare_target("target");
  const auto record = broker_->topology().find_queue("/", target);
  publish(source, "m");
  client_->send(2, amqp::ChannelOpen{}).send(2, amqp::BasicGet{.queue = source});
  client_->answer();
  client_->send(2, amqp::BasicReject{.delivery_tag = {1}, .requeue = false});
  if (GetParam() > 1) {
    broker_->shard(GetParam() - 1).receive(model::DeleteQueue{.queue = record});
    broker_->run();
    EXPECT_EQ(unacked(source), 1U);
    const std::string other = declare_target("other");
    broker_->advance(1000);
    EXPECT_EQ(count(other), 1);
  }
  EXPECT_EQ(unacked(source), 0U);
}

TEST_P(KeptLettersTest, MemoryOfKeptLettersIsLimitedAndNothingIsLost) {
  const std::string source = declare_source({{"x-message-ttl", 1000}});
  const std::string large(std::size_t{8} << 20U, 'x');
  constexpr int messages = 7;
  for (int i = 0; i < messages; ++i) {
    publish(source, large);
  }
  broker_->advance(5000);
  broker_->advance(5000);
  EXPECT_EQ(unacked(source), 4U) << "32 MiB";
  EXPECT_THAT(take(source), HasSubstr("get-empty")) << "what has expired is not delivered";
  const std::string target = declare_target("target");
  broker_->advance(1000);
  broker_->advance(1000);
  EXPECT_EQ(unacked(source), 0U);
  EXPECT_EQ(count(target), messages);
}

INSTANTIATE_TEST_SUITE_P(Shards, KeptLettersTest, ::testing::Values(1U, 2U));

}  // namespace
}  // namespace lepus::connection
