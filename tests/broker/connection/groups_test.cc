#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// What belongs together over several shards is committed together: after a crash behind any commit
// there is exactly one of what was moved from one queue to another.

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using testing::TestClient;

/// A durable queue with a message moves it to another shard's queue, in the way that the test
/// chooses, until the broker crashes.
class GroupsTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t shard_count = 3;

  void boot() {
    broker_ = std::make_unique<BrokerInTest>(shard_count, backend_);
    client_ = std::make_unique<TestClient>(*broker_);
    client_->open();
  }

  void crash() {
    client_.reset();
    broker_.reset();
    backend_->reopen();
  }

  /// A durable queue of that shard; its name begins with `prefix`.
  std::string declare(const std::string& prefix, model::ShardIndex owner,
                      const amqp::FieldTable& arguments = {}) {
    const std::string encoded = arguments.encode();
    return client_->declare_on(owner, prefix, {.durable = true, .arguments = {encoded}});
  }

  void publish(const std::string& queue, const std::string& body) {
    client_->publish(1, {.routing_key = queue}, body, {.delivery_mode = 2});
  }

  /// A message in the queue, committed, and taken by a transaction that has not acked it yet.
  void take_in_transaction(const std::string& queue, const std::string& body) {
    publish(queue, body);
    broker_->advance(1000);
    client_->send(1, amqp::TxSelect{});
    client_->send(1, amqp::BasicGet{.queue = queue});
    ASSERT_NE(client_->answer().find("basic.get-ok"), std::string::npos);
    broker_->store().hold();
  }

  /// Commits so many units, one after the other. @return false: there were not so many.
  bool commit(int units) {
    broker_->run();
    for (int i = 0; i < units; ++i) {
      if (!broker_->store().release_one()) {
        return false;
      }
      broker_->run();
    }
    return true;
  }

  std::string take(const std::string& queue) {
    client_->send(1, amqp::BasicGet{.queue = queue, .no_ack = true});
    const std::string answer = client_->answer();
    const std::size_t body = answer.find('"', answer.rfind("  \""));
    return answer.find("basic.get-empty") != std::string::npos ? "" : answer.substr(body + 1, 1);
  }

  std::shared_ptr<storage::MemoryBackend> backend_ = std::make_shared<storage::MemoryBackend>();
  std::unique_ptr<BrokerInTest> broker_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(GroupsTest, ADeadLetterIsInItsSourceOrInItsTargetAfterACrashBehindAnyCommit) {
  bool was_moved = false;
  for (int commits = 0; !was_moved; ++commits) {
    backend_ = std::make_shared<storage::MemoryBackend>();
    boot();
    const std::string target = declare("target", 2);
    amqp::FieldTable arguments;
    arguments.set("x-dead-letter-exchange", std::string_view{""});
    arguments.set("x-dead-letter-routing-key", std::string_view{target});
    const std::string source = declare("source", 1, arguments);
    client_->send(1, amqp::ConfirmSelect{});
    publish(source, "m");
    ASSERT_NE(client_->answer().find("basic.ack"), std::string::npos);
    broker_->store().hold();
    client_->send(1, amqp::BasicGet{.queue = source});
    client_->send(1, amqp::BasicReject{.delivery_tag = {1}, .requeue = false});
    const bool all = !commit(commits);
    crash();
    boot();
    const std::string at_source = take(source);
    const std::string at_target = take(target);
    EXPECT_EQ(at_source + at_target, "m") << "after " << commits << " commits";
    was_moved = at_target == "m";
    ASSERT_TRUE(was_moved || !all) << "it is never moved";
    crash();
  }
}

TEST_F(GroupsTest, ATransactionIsThereAsAWholeAfterACrashBehindAnyCommit) {
  bool was_answered = false;
  for (int commits = 0; !was_answered; ++commits) {
    backend_ = std::make_shared<storage::MemoryBackend>();
    boot();
    const std::string input = declare("input", 1);
    const std::string output = declare("output", 2);
    ASSERT_NO_FATAL_FAILURE(take_in_transaction(input, "i"));
    publish(output, "o");
    client_->send(1, amqp::BasicAck{.delivery_tag = {1}});
    client_->send(1, amqp::TxCommit{});
    const bool all = !commit(commits);
    was_answered = client_->answer().find("tx.commit-ok") != std::string::npos;
    crash();
    boot();
    const std::string left = take(input) + take(output);
    EXPECT_TRUE(left == "o" || (left == "i" && !was_answered))
        << left << " after " << commits << " commits";
    ASSERT_TRUE(was_answered || !all) << "it is never answered";
    crash();
  }
}

TEST_F(GroupsTest, ATransactionOfAcksAloneIsAnsweredAfterItsCommit) {
  boot();
  const std::string input = declare("input", 1);
  ASSERT_NO_FATAL_FAILURE(take_in_transaction(input, "i"));
  client_->send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_->send(1, amqp::TxCommit{});
  EXPECT_EQ(client_->answer(), "");
  broker_->store().release();
  EXPECT_EQ(client_->answer(), "1 tx.commit-ok\n");
}

/// The transaction gives the message back, the queue delivers it again, and the client is gone:
/// wherever that happens, the message is not left with the consumer that was.
TEST_F(GroupsTest, WhatATransactionGivesBackIsThereWhenItsClientIsGone) {
  for (int carried = 0; carried < 4; ++carried) {
    backend_ = std::make_shared<storage::MemoryBackend>();
    boot();
    const std::string queue = declare("queue", 1);
    publish(queue, "m");
    client_->send(1, amqp::TxSelect{});
    client_->send(1, amqp::BasicConsume{.queue = queue});
    ASSERT_NE(client_->answer().find("basic.deliver"), std::string::npos);
    client_->send(1, amqp::BasicNack{.delivery_tag = {1}, .requeue = true});
    client_->send(1, amqp::TxCommit{});
    broker_->end_turn(0);
    for (int count = 0; count < carried; ++count) {
      broker_->carry_one();
    }
    client_->cut();
    client_ = std::make_unique<TestClient>(*broker_);
    client_->open();
    EXPECT_EQ(take(queue), "m") << "after " << carried << " operations";
    crash();
  }
}

}  // namespace
}  // namespace lepus::connection
