#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

// Consumers, prefetch, acks, transactions, confirms and direct reply-to: on one shard, and with the
// queue on another.

namespace lepus::connection {
namespace {

using ::testing::AllOf;
using testing::BrokerInTest;
using ::testing::HasSubstr;
using testing::TestClient;

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

class ConsumeTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  ConsumeTest() {
    client_.open();
    queue_ = client_.declare_on(GetParam() - 1, "q");  // the last shard
  }

  void publish(std::initializer_list<std::string_view> bodies) {
    for (const std::string_view body : bodies) {
      client_.publish(1, {.routing_key = queue_}, body);
    }
  }

  std::string deliver(int tag, std::string_view body, bool redelivered = false,
                      std::string_view consumer = "c") {
    return "1 basic.deliver consumer-tag=\"" + std::string{consumer} +
           "\" delivery-tag=" + std::to_string(tag) +
           " redelivered=" + (redelivered ? "true" : "false") + " exchange=\"\" routing-key=\"" +
           queue_ + "\"\n  " + std::to_string(body.size()) + " octets\n  \"" + std::string{body} +
           "\"\n";
  }

  std::string ready() {
    TestClient other(broker_);
    other.open();
    other.send(1, amqp::QueueDeclare{.queue = queue_, .passive = true});
    const std::string answer = other.answer();
    return answer.substr(answer.find("message-count"));
  }

  BrokerInTest broker_{GetParam()};
  TestClient client_{broker_};
  std::string queue_;
};

INSTANTIATE_TEST_SUITE_P(Shards, ConsumeTest, ::testing::Values(1U, 2U, 3U));

/// A queue on the last shard that ends with its last consumer; and whether it is still there when
/// the client reads what follows its channel's or connection's end.
class DepartureTest : public ConsumeTest {
 protected:
  DepartureTest() {
    passing_ = client_.declare_on(GetParam() - 1, "a", {.auto_delete = true});
    client_.send(1, amqp::BasicConsume{.queue = passing_});
    client_.answer();
    client_.on_frame = [this](const amqp::Frame&) {
      was_there_ = was_there_ || broker_.topology().find_queue("/", passing_) != nullptr;
    };
  }

  std::string passing_;
  bool was_there_ = false;
};

INSTANTIATE_TEST_SUITE_P(Shards, DepartureTest, ::testing::Values(1U, 2U, 3U));

TEST_P(ConsumeTest, AConnectionsEndCountsOnceTowardsTheDeliveryLimit) {
  const amqp::FieldTable arguments{{"x-queue-type", "quorum"}, {"x-delivery-limit", 2}};
  const std::string bytes = arguments.encode();
  queue_ = client_.declare_on(GetParam() - 1, "limited", {.durable = true, .arguments = {bytes}});
  TestClient worker{broker_};
  worker.open();
  for (std::uint16_t channel = 1; channel <= 4; ++channel) {
    if (channel > 1) {
      worker.send(channel, amqp::ChannelOpen{});
    }
    worker.send(channel, amqp::BasicQos{.prefetch_count = 1});
    worker.send(channel, amqp::BasicConsume{.queue = queue_});
  }
  worker.answer();
  publish({"a"});
  client_.answer();
  EXPECT_THAT(worker.answer(), HasSubstr("basic.deliver"));
  worker.cut();
  client_.send(1, amqp::BasicGet{.queue = queue_});
  EXPECT_THAT(client_.answer(), HasSubstr("\"x-delivery-count\": 1"));
}

TEST_P(DepartureTest, AutoDeleteQueuesAreGoneWhenTheChannelsCloseIsAnswered) {
  client_.send(1, amqp::ChannelClose{.reply_code = 200});
  client_.send(1, amqp::ChannelOpen{});
  EXPECT_EQ(client_.answer(), "1 channel.close-ok\n1 channel.open-ok reserved-1=\"\"\n");
  EXPECT_FALSE(was_there_);
}

TEST_P(DepartureTest, AutoDeleteQueuesAreGoneWhenTheConnectionsCloseIsAnswered) {
  client_.send(0, amqp::ConnectionClose{.reply_code = 200});
  EXPECT_EQ(client_.answer(), "0 connection.close-ok\n");
  EXPECT_FALSE(was_there_);
}

TEST_P(DepartureTest, AutoDeleteQueuesAreGoneWhenAnErrorClosesTheChannel) {
  client_.send(1, amqp::BasicAck{.delivery_tag = 7});
  client_.send(1, amqp::ChannelCloseOk{});
  client_.send(1, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(), AllOf(HasSubstr("406"), HasSubstr("1 channel.open-ok")));
  EXPECT_FALSE(was_there_);
}

TEST_P(DepartureTest, AutoDeleteQueuesAreGoneWhenAnErrorClosesTheConnection) {
  client_.send(1, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(), HasSubstr("0 connection.close reply-code=504"));
  EXPECT_FALSE(was_there_);
}

TEST_P(ConsumeTest, AChannelHasNoMoreConsumersThanItMay) {
  broker_.settings().consumer_max_per_channel = 1;
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "one"});
  client_.answer();
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "two"});
  EXPECT_THAT(
      client_.answer(),
      HasSubstr("reply-code=530 reply-text=\"NOT_ALLOWED - reached maximum (1) of consumers "
                "per channel\""));
}

TEST_P(ConsumeTest, ConsumeOkComesBeforeTheFirstDelivery) {
  publish({"a", "b"});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  EXPECT_EQ(client_.answer(),
            "1 basic.consume-ok consumer-tag=\"c\"\n" + deliver(1, "a") + deliver(2, "b"));
}

TEST_P(ConsumeTest, PrefetchHoldsBackUntilAcksCome) {
  client_.send(1, amqp::BasicQos{.prefetch_count = 2});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  publish({"a", "b", "c", "d", "e"});
  EXPECT_EQ(client_.answer(), "1 basic.qos-ok\n1 basic.consume-ok consumer-tag=\"c\"\n" +
                                  deliver(1, "a") + deliver(2, "b"));
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  EXPECT_EQ(client_.answer(), deliver(3, "c"));
  client_.send(1, amqp::BasicAck{.delivery_tag = {3}, .multiple = true});
  EXPECT_EQ(client_.answer(), deliver(4, "d") + deliver(5, "e"));
}

TEST_P(ConsumeTest, AChannelWideLimitIsSharedByAllConsumers) {
  client_.send(1, amqp::BasicQos{.prefetch_count = 3, .global = true});
  client_.send(1, amqp::QueueDeclare{.queue = "other"});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  client_.send(1, amqp::BasicConsume{.queue = "other", .consumer_tag = "d"});
  client_.answer();
  for (int count = 0; count < 5; ++count) {
    publish({"x"});
    client_.publish(1, {.routing_key = "other"}, "y");
  }
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 3U);
  client_.send(1, amqp::BasicAck{.delivery_tag = {2}, .multiple = true});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 2U);
  client_.send(1, amqp::BasicQos{.prefetch_count = 5, .global = true});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 2U);
  client_.send(1, amqp::BasicQos{.prefetch_count = 0, .global = true});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 3U);
}

TEST_P(ConsumeTest, ALimitSetWhileConsumersRunHoldsAtOnceAndIsLiftedByAnotherQos) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  publish({"a", "b"});
  client_.answer();
  client_.send(1, amqp::BasicQos{.prefetch_count = 3, .global = true});
  publish({"c", "d", "e"});
  EXPECT_EQ(client_.answer(), "1 basic.qos-ok\n" + deliver(3, "c"));
  client_.send(1, amqp::BasicQos{.prefetch_count = 1});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 2U);
}

TEST_P(ConsumeTest, ACancelledConsumerGivesItsTokensBack) {
  client_.send(1, amqp::BasicQos{.prefetch_count = 2, .global = true});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  client_.send(1, amqp::BasicCancel{.consumer_tag = "c"});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "d"});
  publish({"a", "b", "c"});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 2U);
  client_.send(1, amqp::BasicNack{.delivery_tag = {2}, .multiple = true, .requeue = false});
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 1U);
}

TEST_P(ConsumeTest, NothingIsDeliveredAfterCancelOkAndUnackedMessagesCanBeAcked) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  publish({"a"});
  client_.send(1, amqp::BasicCancel{.consumer_tag = "c"});
  publish({"b"});
  EXPECT_EQ(client_.answer(), "1 basic.consume-ok consumer-tag=\"c\"\n" + deliver(1, "a") +
                                  "1 basic.cancel-ok consumer-tag=\"c\"\n");
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_.send(1, amqp::BasicCancel{.consumer_tag = "c"});
  EXPECT_EQ(client_.answer(), "1 basic.cancel-ok consumer-tag=\"c\"\n");
  EXPECT_EQ(ready(), "message-count=1 consumer-count=0\n");
}

TEST_P(ConsumeTest, RejectedAndReturnedMessages) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  publish({"a", "b", "c"});
  client_.answer();
  client_.send(1, amqp::BasicReject{.delivery_tag = {1}, .requeue = true});
  EXPECT_EQ(client_.answer(), deliver(4, "a", true));
  client_.send(1, amqp::BasicNack{.delivery_tag = {3}, .multiple = true, .requeue = false});
  client_.send(1, amqp::BasicRecover{.requeue = true});
  // The redelivery may come before recover-ok or after it, as with RabbitMQ.
  const std::string answer = client_.answer();
  EXPECT_THAT(answer, HasSubstr("1 basic.recover-ok\n"));
  EXPECT_THAT(answer, HasSubstr(deliver(5, "a", true)));
  EXPECT_EQ(count_of(answer, "basic.deliver"), 1U);
}

TEST_P(ConsumeTest, AClosedChannelGivesItsMessagesBackInTheirOrder) {
  client_.send(2, amqp::ChannelOpen{});
  client_.send(2, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  publish({"a", "b"});
  client_.answer();
  client_.send(2, amqp::BasicGet{.queue = queue_});
  client_.send(2, amqp::ChannelClose{.reply_code = 200});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  EXPECT_THAT(client_.answer(), HasSubstr(deliver(1, "a", true) + deliver(2, "b", true)));
}

TEST_P(ConsumeTest, ACutConnectionGivesItsMessagesBack) {
  publish({"a", "b", "c"});
  client_.answer();
  {
    TestClient other(broker_);
    other.open();
    other.send(1, amqp::BasicGet{.queue = queue_});
    other.send(1, amqp::BasicConsume{.queue = queue_});
    EXPECT_EQ(count_of(other.answer(), "basic.deliver"), 2U);
    EXPECT_EQ(ready(), "message-count=0 consumer-count=1\n");
  }
  EXPECT_EQ(ready(), "message-count=3 consumer-count=0\n");
}

TEST_P(ConsumeTest, DeliveriesOnTheirWayToACutConnectionAreNotLost) {
  {
    TestClient other(broker_);
    other.open();
    other.send(1, amqp::BasicConsume{.queue = queue_});
    other.answer();
    publish({"a"});
    // Not run: on several shards the message is in a mailbox still.
  }
  EXPECT_EQ(ready(), "message-count=1 consumer-count=0\n");
}

TEST_P(ConsumeTest, TagsAreUniqueOnTheChannel) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  EXPECT_THAT(client_.answer(),
              HasSubstr("0 connection.close reply-code=530 reply-text=\"NOT_ALLOWED - attempt to "
                        "reuse consumer tag 'c'\" failing-class-id=60 failing-method-id=20"));
}

TEST_P(ConsumeTest, AnExclusiveConsumerIsAlone) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .exclusive = true});
  client_.answer();
  client_.send(2, amqp::ChannelOpen{});
  client_.send(2, amqp::BasicConsume{.queue = queue_});
  EXPECT_THAT(client_.answer(),
              HasSubstr("2 channel.close reply-code=403 reply-text=\"ACCESS_REFUSED - queue '" +
                        queue_ + "' in vhost '/' in exclusive use\" failing-class-id=60"));
}

TEST_P(ConsumeTest, TheEndOfAQueueIsToldToItsConsumersAfterDeleteOk) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  TestClient other(broker_);
  other.open();
  other.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "d"});
  other.answer();
  client_.answer();
  client_.send(1, amqp::QueueDelete{.queue = queue_});
  EXPECT_EQ(client_.answer(),
            "1 queue.delete-ok message-count=0\n"
            "1 basic.cancel consumer-tag=\"c\" no-wait=true\n");
  EXPECT_EQ(other.answer(), "1 basic.cancel consumer-tag=\"d\" no-wait=true\n");
  other.send(1, amqp::BasicCancel{.consumer_tag = "d"});
  EXPECT_EQ(other.answer(), "1 basic.cancel-ok consumer-tag=\"d\"\n");
}

TEST_P(ConsumeTest, AClientWithoutTheCapabilityHearsNothing) {
  TestClient other(broker_);
  other.open({.channel_max = 9, .frame_max = 4096, .heartbeat = 0}, "");
  other.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "d"});
  other.answer();
  client_.send(1, amqp::QueueDelete{.queue = queue_});
  client_.answer();
  EXPECT_EQ(other.answer(), "");
}

TEST_P(ConsumeTest, AClientThatDoesNotReadGetsABoundedAmount) {
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c", .no_ack = true});
  client_.answer();
  client_.stop_reading();
  const std::string body(20000, 'x');
  for (int count = 0; count < 400; ++count) {
    client_.publish(1, {.routing_key = queue_}, body);
  }
  broker_.run();
  EXPECT_LT(client_.connection().output().size_bytes(), 2 * 1024 * 1024U);
  client_.read_on();
  EXPECT_EQ(count_of(client_.answer(), "basic.deliver"), 400U);
}

// ---- confirms and transactions

TEST_P(ConsumeTest, ConfirmsOfATurnAreFolded) {
  client_.send(1, amqp::ConfirmSelect{});
  publish({"a", "b", "c"});
  const std::string answer = client_.answer();
  EXPECT_EQ(answer, "1 confirm.select-ok\n1 basic.ack delivery-tag=3 multiple=true\n");
}

TEST_P(ConsumeTest, AReturnComesAfterTheConfirmsOfEarlierPublishes) {
  client_.send(1, amqp::ConfirmSelect{});
  client_.answer();
  client_.publish(1, {.routing_key = "nowhere"}, "a");
  client_.publish(1, {.routing_key = "nowhere", .mandatory = true}, "b");
  EXPECT_EQ(client_.answer(),
            "1 basic.ack delivery-tag=1 multiple=false\n"
            "1 basic.return reply-code=312 reply-text=\"NO_ROUTE\" exchange=\"\" "
            "routing-key=\"nowhere\"\n  1 octets\n  \"b\"\n"
            "1 basic.ack delivery-tag=2 multiple=false\n");
}

TEST_P(ConsumeTest, APersistentMessageIsConfirmedWhenItIsCommitted) {
  client_.send(1, amqp::ConfirmSelect{});
  client_.send(1, amqp::QueueDeclare{.queue = "durable", .durable = true});
  client_.answer();
  broker_.store().hold();
  client_.publish(1, {.routing_key = "durable"}, "a", {.delivery_mode = 2});
  client_.publish(1, {.routing_key = "nowhere", .mandatory = true}, "b");
  const std::string first = client_.answer();
  EXPECT_THAT(first, HasSubstr("1 basic.return reply-code=312 reply-text=\"NO_ROUTE\" "
                               "exchange=\"\" routing-key=\"nowhere\"\n  1 octets\n  \"b\"\n"
                               "1 basic.ack delivery-tag=2 multiple=false\n"));
  EXPECT_EQ(count_of(first, "basic.ack"), 1U);
  broker_.store().release();
  EXPECT_EQ(client_.answer(), "1 basic.ack delivery-tag=1 multiple=false\n");
}

TEST_P(ConsumeTest, ARefusedPublishIsNacked) {
  const amqp::FieldTable arguments{{"x-max-length", 1}, {"x-overflow", "reject-publish"}};
  const std::string bytes = arguments.encode();
  client_.send(1, amqp::QueueDeclare{.queue = "full", .arguments = {bytes}});
  client_.send(1, amqp::ConfirmSelect{});
  client_.answer();
  client_.publish(1, {.routing_key = "full"}, "a");
  EXPECT_EQ(client_.answer(), "1 basic.ack delivery-tag=1 multiple=false\n");
  client_.publish(1, {.routing_key = "full"}, "b");
  EXPECT_EQ(client_.answer(), "1 basic.nack delivery-tag=2 multiple=true requeue=true\n");
}

TEST_P(ConsumeTest, ATransactionHoldsPublishesAndAcksUntilItsCommit) {
  publish({"a", "b"});
  client_.send(1, amqp::TxSelect{});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  client_.answer();
  publish({"c"});
  client_.publish(1, {.routing_key = "nowhere", .mandatory = true}, "lost");
  client_.send(1, amqp::BasicAck{.delivery_tag = {2}, .multiple = true});
  EXPECT_EQ(client_.answer(), "");
  client_.send(1, amqp::TxCommit{});
  const std::string answer = client_.answer();
  EXPECT_THAT(answer, HasSubstr("1 basic.return reply-code=312"));
  EXPECT_THAT(answer, HasSubstr("1 tx.commit-ok\n"));
  EXPECT_LT(answer.find("basic.return"), answer.find("tx.commit-ok"));
  EXPECT_THAT(answer, HasSubstr(deliver(3, "c")));
  client_.cut();
  EXPECT_EQ(broker_.connections().connection_count(), 0U);
}

TEST_P(ConsumeTest, ARollbackDropsPublishesAndPutsAcksBack) {
  publish({"a"});
  client_.send(1, amqp::TxSelect{});
  client_.send(1, amqp::BasicConsume{.queue = queue_, .consumer_tag = "c"});
  client_.answer();
  publish({"b"});
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_.send(1, amqp::TxRollback{});
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_.send(1, amqp::TxCommit{});
  EXPECT_EQ(client_.answer(), "1 tx.rollback-ok\n1 tx.commit-ok\n");
  EXPECT_EQ(ready(), "message-count=0 consumer-count=1\n");
}

TEST_P(ConsumeTest, AcksOfATransactionThatEndsWithItsChannelGoBack) {
  publish({"a"});
  client_.send(1, amqp::TxSelect{});
  client_.send(1, amqp::BasicGet{.queue = queue_});
  client_.send(1, amqp::BasicAck{.delivery_tag = {1}});
  client_.send(1, amqp::ChannelClose{.reply_code = 200});
  client_.answer();
  EXPECT_EQ(ready(), "message-count=1 consumer-count=0\n");
}

TEST_P(ConsumeTest, WhatFollowsACommitWithoutWaitingComesAfterIt) {
  client_.send(1, amqp::TxSelect{});
  client_.answer();
  publish({"a"});
  client_.send(1, amqp::TxCommit{});
  publish({"b"});
  client_.send(1, amqp::TxRollback{});
  publish({"c"});
  client_.send(1, amqp::TxCommit{});
  EXPECT_EQ(client_.answer(), "1 tx.commit-ok\n1 tx.rollback-ok\n1 tx.commit-ok\n");
  EXPECT_EQ(ready(), "message-count=2 consumer-count=0\n");
}

TEST_P(ConsumeTest, ACommitThatAQueueRefusesIsPartial) {
  const amqp::FieldTable arguments{{"x-max-length", 1}, {"x-overflow", "reject-publish"}};
  const std::string bytes = arguments.encode();
  client_.send(1, amqp::QueueDeclare{.queue = "full", .arguments = {bytes}});
  client_.send(1, amqp::TxSelect{});
  client_.answer();
  client_.publish(1, {.routing_key = "full"}, "a");
  client_.publish(1, {.routing_key = "full"}, "b");
  client_.send(1, amqp::TxCommit{});
  EXPECT_EQ(client_.answer(),
            "1 channel.close reply-code=406 reply-text=\"PRECONDITION_FAILED - partial tx "
            "completion\" failing-class-id=90 failing-method-id=20\n");
}

// ---- direct reply-to

TEST_P(ConsumeTest, ADirectReplyReachesItsRequesterOnWhateverShard) {
  TestClient responder(broker_, GetParam() - 1);
  responder.open();
  client_.send(1, amqp::BasicConsume{.queue = reply_to_queue, .consumer_tag = "r", .no_ack = true});
  client_.publish(1, {.routing_key = queue_}, "question", {.reply_to = reply_to_queue});
  EXPECT_EQ(client_.answer(), "1 basic.consume-ok consumer-tag=\"r\"\n");
  responder.send(1, amqp::BasicGet{.queue = queue_, .no_ack = true});
  const std::string question = responder.answer();
  const std::size_t begin = question.find("reply_to=") + 9;
  const std::string name = question.substr(begin, question.find('\n', begin) - begin);
  EXPECT_THAT(name, ::testing::MatchesRegex("amq\\.rabbitmq\\.reply-to\\.[^.]+\\.[^.]{22}=="));

  responder.send(1, amqp::QueueDeclare{.queue = name, .passive = true});
  EXPECT_EQ(responder.answer(),
            "1 queue.declare-ok queue=\"" + name + "\" message-count=0 consumer-count=1\n");
  responder.publish(1, {.routing_key = name, .mandatory = true}, "answer");
  EXPECT_EQ(responder.answer(), "");
  EXPECT_EQ(client_.answer(),
            "1 basic.deliver consumer-tag=\"r\" delivery-tag=1 redelivered=false exchange=\"\" "
            "routing-key=\"" +
                name + "\"\n  6 octets\n  \"answer\"\n");

  client_.send(1, amqp::BasicCancel{.consumer_tag = "r"});
  EXPECT_EQ(client_.answer(), "1 basic.cancel-ok consumer-tag=\"r\"\n");
  responder.publish(1, {.routing_key = name, .mandatory = true}, "late");
  EXPECT_THAT(responder.answer(), HasSubstr("1 basic.return reply-code=312"));
  responder.send(1, amqp::QueueDeclare{.queue = name, .passive = true});
  EXPECT_THAT(responder.answer(), HasSubstr("404 reply-text=\"NOT_FOUND - no queue '" + name));
}

TEST_P(ConsumeTest, AChannelHasOneReplyConsumer) {
  const amqp::BasicConsume consume{.queue = reply_to_queue, .no_ack = true};
  client_.send(1, amqp::QueueDeclare{.queue = reply_to_queue});
  client_.send(1, consume).send(1, consume);
  const std::string answer = client_.answer();
  EXPECT_THAT(answer,
              HasSubstr("1 queue.declare-ok queue=\"amq.rabbitmq.reply-to\" message-count=0 "
                        "consumer-count=1\n"));
  EXPECT_THAT(answer, HasSubstr("PRECONDITION_FAILED - reply consumer already set"));
}

}  // namespace
}  // namespace lepus::connection
