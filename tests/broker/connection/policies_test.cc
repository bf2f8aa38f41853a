#include <string>

#include <gtest/gtest.h>

#include "tests/broker/connection/restart_fixture.h"

// Policies reach queues wherever they live: on the shard of the client or on another, with messages
// or without, used already or never.

namespace lepus::connection {
namespace {

using amqp::FieldTable;

class PoliciesTest : public RestartFixture {
 protected:
  /// For queues and exchanges whose names begin so.
  void put_policy(const std::string& prefix, FieldTable definition,
                  model::PolicyKind kind = model::PolicyKind::ordinary) {
    const auto put = broker_->topology().put_policy({.kind = kind,
                                                     .vhost = "/",
                                                     .name = prefix,
                                                     .pattern = "^" + prefix,
                                                     .definition = std::move(definition)});
    ASSERT_TRUE(put) << put.error().text;
    broker_->run();
  }

  void delete_policy(const std::string& prefix) {
    broker_->topology().delete_policy(model::PolicyKind::ordinary, "/", prefix);
    broker_->run();
  }

  /// Queues enough for every shard to have some.
  void declare_all() {
    for (int i = 0; i < queues; ++i) {
      declare(queue(i));
    }
  }

  static std::string queue(int number) { return "q" + std::to_string(number); }

  void declare(const std::string& name, const FieldTable& arguments = {}) {
    const std::string encoded = arguments.encode();
    client_->send(1, amqp::QueueDeclare{.queue = name, .durable = true, .arguments = {encoded}});
    EXPECT_NE(client_->answer().find("queue.declare-ok"), std::string::npos);
  }

  void publish(const std::string& routing_key, int count, const std::string& exchange = "") {
    for (int i = 0; i < count; ++i) {
      client_->publish(1, {.exchange = exchange, .routing_key = routing_key}, std::to_string(i),
                       {.delivery_mode = 2});
    }
    broker_->run();
    broker_->advance(1000);
  }

  std::string declared(const std::string& name) {
    client_->send(1, amqp::QueueDeclare{.queue = name, .passive = true});
    return client_->answer();
  }

  /// Messages ready; fails where the queue is not.
  void expect_count(const std::string& name, int count) {
    const std::string expected = "message-count=" + std::to_string(count) + " ";
    EXPECT_NE(declared(name).find(expected), std::string::npos) << declared(name) << expected;
  }

  static constexpr int queues = 6;
};

INSTANTIATE_TEST_SUITE_P(Shards, PoliciesTest, ::testing::Values(1, 3));

TEST_P(PoliciesTest, ALowerLengthTrimsAtOnce) {
  declare_all();
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 5);
  }
  put_policy("q", {{"max-length", std::int64_t{2}}});
  for (int i = 0; i < queues; ++i) {
    expect_count(queue(i), 2);
  }
  client_->send(1, amqp::BasicGet{.queue = queue(0), .no_ack = true});
  EXPECT_NE(client_->answer().find("\"3\""), std::string::npos) << "the oldest go";
  delete_policy("q");
  publish(queue(1), 5);
  expect_count(queue(1), 7);
}

TEST_P(PoliciesTest, AShorterTimeToLiveExpiresOldMessages) {
  declare_all();
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 2);
  }
  broker_->advance(60'000);
  put_policy("q", {{"message-ttl", std::int64_t{30'000}}});
  for (int i = 0; i < queues; ++i) {
    expect_count(queue(i), 0);
  }
  publish(queue(0), 1);
  expect_count(queue(0), 1);
  broker_->advance(40'000);
  expect_count(queue(0), 0);
}

TEST_P(PoliciesTest, DeadLettersGoWhereThePolicySays) {
  declare_all();
  declare("dead");
  put_policy("q", {{"dead-letter-exchange", ""}, {"dead-letter-routing-key", "dead"}});
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 1);
    client_->send(1, amqp::BasicGet{.queue = queue(i)});
    EXPECT_NE(client_->answer().find("basic.get-ok"), std::string::npos);
    client_->send(
        1, amqp::BasicReject{.delivery_tag = static_cast<std::uint64_t>(i + 1), .requeue = false});
  }
  broker_->advance(1000);
  expect_count("dead", queues);
}

TEST_P(PoliciesTest, WhatIsTrimmedIsDeadLetteredByTheSamePolicy) {
  declare("q");
  declare("dead");
  publish("q", 5);
  put_policy("q", {{"max-length", std::int64_t{1}},
                   {"dead-letter-exchange", ""},
                   {"dead-letter-routing-key", "dead"}});
  broker_->advance(1000);
  expect_count("q", 1);
  expect_count("dead", 4);
}

TEST_P(PoliciesTest, AnOverflowRefusesPublishes) {
  declare_all();
  client_->send(1, amqp::ConfirmSelect{});
  client_->answer();
  put_policy("q", {{"max-length", std::int64_t{1}}, {"overflow", "reject-publish"}});
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 1);
    EXPECT_NE(client_->answer().find("basic.ack"), std::string::npos);
    publish(queue(i), 1);
    EXPECT_NE(client_->answer().find("basic.nack"), std::string::npos);
  }
}

TEST_P(PoliciesTest, QueuesThatNobodyUsesExpire) {
  declare_all();
  broker_->advance(100'000);
  put_policy("q", {{"expires", std::int64_t{10'000}}});
  broker_->advance(5'000);
  EXPECT_NE(declared(queue(0)).find("queue.declare-ok"), std::string::npos)
      << "the time begins with the policy";
  broker_->advance(6'000);
  EXPECT_NE(broker_->topology().find_queue("/", queue(0)), nullptr) << "declaring was a use";
  for (int i = 1; i < queues; ++i) {
    EXPECT_EQ(broker_->topology().find_queue("/", queue(i)), nullptr) << queue(i);
  }
}

TEST_P(PoliciesTest, NewQueuesExpireByAPolicyThatWasThere) {
  put_policy("q", {{"expires", std::int64_t{10'000}}});
  declare_all();
  broker_->advance(11'000);
  EXPECT_EQ(broker_->topology().list_queues("/").size(), 0U);
}

TEST_P(PoliciesTest, AnExpiryThatIsTakenBackDoesNotEndAQueue) {
  declare("q", {{"x-expires", std::int64_t{50'000}}});
  put_policy("q", {{"expires", std::int64_t{10'000}}});
  broker_->advance(5'000);
  delete_policy("q");
  broker_->advance(40'000);
  EXPECT_NE(broker_->topology().find_queue("/", "q"), nullptr);
  broker_->advance(20'000);
  EXPECT_EQ(broker_->topology().find_queue("/", "q"), nullptr);
}

TEST_P(PoliciesTest, AnOperatorsLimitHoldsOverAnArgument) {
  declare("q", {{"x-max-length", std::int64_t{10}}});
  put_policy("q", {{"max-length", std::int64_t{2}}}, model::PolicyKind::by_operator);
  publish("q", 5);
  expect_count("q", 2);
}

TEST_P(PoliciesTest, TheyHoldAfterARestart) {
  declare_all();
  put_policy("q", {{"max-length", std::int64_t{2}}});
  restart();
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 5);
    expect_count(queue(i), 2);
  }
}

TEST_P(PoliciesTest, AQueueThatCameBackTooLongIsTrimmed) {
  declare_all();
  for (int i = 0; i < queues; ++i) {
    publish(queue(i), 5);
  }
  // The broker dies when the policy is stored and nothing has followed it.
  ASSERT_TRUE(broker_->topology().put_policy({.vhost = "/",
                                              .name = "p",
                                              .pattern = "^q",
                                              .definition = {{"max-length", std::int64_t{2}}}}));
  restart();
  broker_->advance(1000);
  for (int i = 0; i < queues; ++i) {
    expect_count(queue(i), 2);
  }
}

TEST_P(PoliciesTest, ConsumersGetWhatIsLeft) {
  declare("q");
  publish("q", 4);
  client_->send(1, amqp::BasicQos{.prefetch_count = 1});
  client_->send(1, amqp::BasicConsume{.queue = "q", .consumer_tag = "c"});
  EXPECT_NE(client_->answer().find("\"0\""), std::string::npos);
  put_policy("q", {{"max-length", std::int64_t{1}}});
  client_->send(1, amqp::BasicAck{.delivery_tag = 1});
  EXPECT_NE(client_->answer().find("\"3\""), std::string::npos) << "what is unacked does not count";
}

TEST_P(PoliciesTest, AnAlternateExchangeTakesWhatNobodyWants) {
  declare("dead");
  client_->send(1, amqp::ExchangeDeclare{.exchange = "qx", .type = "direct"});
  client_->send(1, amqp::QueueBind{.queue = "dead", .exchange = "amq.fanout"});
  client_->answer();
  publish("nobody", 1, "qx");
  put_policy("q", {{"alternate-exchange", "amq.fanout"}});
  publish("nobody", 2, "qx");
  expect_count("dead", 2);
}

}  // namespace
}  // namespace lepus::connection
