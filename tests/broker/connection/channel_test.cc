#include "broker/connection/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::HasSubstr;
using testing::method_frame;
using testing::TestClient;

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() { client_.open(); }

  void declare(std::string_view name) {
    client_.send(1, amqp::QueueDeclare{.queue = name});
    client_.answer();
  }

  BrokerInTest broker_;
  TestClient client_{broker_};
};

TEST_F(ChannelTest, DeclaresPublishesAndGets) {
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  EXPECT_EQ(client_.answer(), "1 queue.declare-ok queue=\"q\" message-count=0 consumer-count=0\n");
  client_.publish(1, {.routing_key = "q"}, "hello");
  client_.send(1, amqp::BasicGet{.queue = "q"});
  EXPECT_EQ(client_.answer(),
            "1 basic.get-ok delivery-tag=1 redelivered=false exchange=\"\" routing-key=\"q\" "
            "message-count=0\n  5 octets\n  \"hello\"\n");
  client_.send(1, amqp::BasicGet{.queue = "q"});
  EXPECT_EQ(client_.answer(), "1 basic.get-empty cluster-id=\"\"\n");
}

TEST_F(ChannelTest, SoftErrorsCloseTheChannelWithTheirTexts) {
  struct Case {
    std::string_view name;
    std::string octets;
    std::string_view close;
  };

  declare("q");
  TestClient owner(broker_);
  owner.open();
  owner.send(1, amqp::QueueDeclare{.queue = "locked", .exclusive = true});
  owner.answer();
  const amqp::FieldTable wrong_priority{{"x-priority", "a"}};
  const std::string wrong_priority_bytes = wrong_priority.encode();
  const amqp::FieldTable offset{{"x-stream-offset", "first"}};
  const std::string offset_bytes = offset.encode();
  const std::string locked =
      "cannot obtain exclusive access to locked queue 'locked' in vhost '/'. It could be "
      "originally declared on another connection or the exclusive property value does not match "
      "that of the original declaration.";
  const std::string locked_close = "405 reply-text=\"RESOURCE_LOCKED - " +
                                   amqp::reply_text(amqp::ReplyCode::resource_locked, locked)
                                       .substr(std::string_view{"RESOURCE_LOCKED - "}.size()) +
                                   "\"";
  const Case cases[] = {
      {"no queue", method_frame(1, amqp::BasicGet{.queue = "nope"}),
       "404 reply-text=\"NOT_FOUND - no queue 'nope' in vhost '/'\""},
      {"consume no queue", method_frame(1, amqp::BasicConsume{.queue = "nope"}),
       "404 reply-text=\"NOT_FOUND - no queue 'nope' in vhost '/'\""},
      {"passive", method_frame(1, amqp::QueueDeclare{.queue = "nope", .passive = true}),
       "404 reply-text=\"NOT_FOUND - no queue 'nope' in vhost '/'\""},
      {"purge", method_frame(1, amqp::QueuePurge{.queue = "nope"}),
       "404 reply-text=\"NOT_FOUND - no queue 'nope' in vhost '/'\""},
      {"last queue", method_frame(1, amqp::BasicGet{}),
       "404 reply-text=\"NOT_FOUND - no previously declared queue\""},
      {"locked", method_frame(1, amqp::BasicGet{.queue = "locked"}), locked_close},
      {"locked purge", method_frame(1, amqp::QueuePurge{.queue = "locked"}), locked_close},
      {"locked delete", method_frame(1, amqp::QueueDelete{.queue = "locked"}), locked_close},
      {"durable", method_frame(1, amqp::QueueDeclare{.queue = "q", .durable = true}),
       "406 reply-text=\"PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost "
       "'/': received 'true' but current is 'false'\""},
      {"ack", method_frame(1, amqp::BasicAck{.delivery_tag = {9}}),
       "406 reply-text=\"PRECONDITION_FAILED - unknown delivery tag 9\""},
      {"ack 0", method_frame(1, amqp::BasicAck{.delivery_tag = {0}}),
       "406 reply-text=\"PRECONDITION_FAILED - unknown delivery tag 0\""},
      {"ack multiple", method_frame(1, amqp::BasicAck{.delivery_tag = {9}, .multiple = true}),
       "406 reply-text=\"PRECONDITION_FAILED - unknown delivery tag 9\""},
      {"commit", method_frame(1, amqp::TxCommit{}),
       "406 reply-text=\"PRECONDITION_FAILED - channel is not transactional\""},
      {"rollback", method_frame(1, amqp::TxRollback{}),
       "406 reply-text=\"PRECONDITION_FAILED - channel is not transactional\""},
      {"tx to confirm", method_frame(1, amqp::TxSelect{}) + method_frame(1, amqp::ConfirmSelect{}),
       "406 reply-text=\"PRECONDITION_FAILED - cannot switch from tx to confirm mode\""},
      {"confirm to tx", method_frame(1, amqp::ConfirmSelect{}) + method_frame(1, amqp::TxSelect{}),
       "406 reply-text=\"PRECONDITION_FAILED - cannot switch from confirm to tx mode\""},
      {"priority",
       method_frame(1, amqp::BasicConsume{.queue = "q", .arguments = {wrong_priority_bytes}}),
       "406 reply-text=\"PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost "
       "'/': \\\"expected integer, got longstr\\\"\""},
      {"offset", method_frame(1, amqp::BasicConsume{.queue = "q", .arguments = {offset_bytes}}),
       "406 reply-text=\"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q' in "
       "vhost "
       "'/' of queue type rabbit_classic_queue\""},
      {"reply without no-ack", method_frame(1, amqp::BasicConsume{.queue = reply_to_queue}),
       "406 reply-text=\"PRECONDITION_FAILED - reply consumer cannot acknowledge\""},
      {"reply name", method_frame(1, amqp::QueueDeclare{.queue = "amq.rabbitmq.reply-to.x"}),
       "404 reply-text=\"NOT_FOUND - no queue 'amq.rabbitmq.reply-to.x' in vhost '/'\""},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    TestClient client(broker_);
    client.open();
    client.send_bytes(each.octets);
    EXPECT_THAT(client.answer(),
                HasSubstr("1 channel.close reply-code=" + std::string{each.close} + " failing"));
    EXPECT_EQ(client.connection().state(), Connection::State::running);
  }
}

TEST_F(ChannelTest, PublishesAreCheckedInRabbitMqsOrder) {
  struct Case {
    std::string_view name;
    amqp::BasicPublish method;
    amqp::BasicProperties properties;
    std::string_view close;
  };

  const amqp::FieldTable no_array{{"CC", "a"}};
  const std::string no_array_bytes = no_array.encode();
  client_.send(1, amqp::ExchangeDeclare{.exchange = "inside", .type = "direct", .internal = true});
  client_.answer();
  const Case cases[] = {
      {"missing",
       {.exchange = "nope"},
       {},
       "404 reply-text=\"NOT_FOUND - no exchange 'nope' in vhost '/'\""},
      {"internal",
       {.exchange = "inside"},
       {},
       "403 reply-text=\"ACCESS_REFUSED - cannot publish to internal exchange 'inside' in vhost "
       "'/'\""},
      {"reply to nobody",
       {},
       {.reply_to = reply_to_queue},
       "406 reply-text=\"PRECONDITION_FAILED - fast reply consumer does not exist\""},
      {"user",
       {},
       {.expiration = "abc", .user_id = "other"},
       "406 reply-text=\"PRECONDITION_FAILED - user_id property set to 'other' but authenticated "
       "user was 'guest'\""},
      {"expiration",
       {},
       {.expiration = "abc"},
       "406 reply-text=\"PRECONDITION_FAILED - invalid expiration 'abc': no_integer\""},
      {"expiration rest",
       {},
       {.expiration = "1.5"},
       "406 reply-text=\"PRECONDITION_FAILED - invalid expiration '1.5': "
       "{leftover_string,\\\".5\\\"}\""},
      {"expiration negative",
       {},
       {.expiration = "-1"},
       "406 reply-text=\"PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}\""},
      {"expiration large",
       {},
       {.expiration = "315360000001"},
       "406 reply-text=\"PRECONDITION_FAILED - invalid expiration '315360000001': "
       "{value_too_large,315360000001}\""},
      {"cc",
       {},
       {.headers = amqp::FieldTableView{no_array_bytes}},
       "406 reply-text=\"PRECONDITION_FAILED - invalid message: "
       "{unacceptable_type_in_header,\\\"CC\\\",longstr}\""},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    TestClient client(broker_);
    client.open();
    client.publish(1, each.method, "body", each.properties);
    EXPECT_EQ(client.answer(), "1 channel.close reply-code=" + std::string{each.close} +
                                   " failing-class-id=60 failing-method-id=40\n");
  }
}

TEST_F(ChannelTest, GoodExpirationsAreTaken) {
  declare("q");
  client_.publish(1, {.routing_key = "q"}, "a", {.expiration = "+500"});
  client_.publish(1, {.routing_key = "q"}, "b", {.expiration = "315360000000"});
  client_.send(1, amqp::QueueDeclare{.queue = "q", .passive = true});
  EXPECT_THAT(client_.answer(), HasSubstr("message-count=2"));
}

TEST_F(ChannelTest, ATooLargeBodyIsAnsweredAtItsHeaderAndSkipped) {
  broker_.settings().max_message_size_bytes = 100;
  declare("q");
  std::string frames;
  amqp::append_content(frames, amqp::ChannelNumber{1}, amqp::BasicPublish{.routing_key = "q"},
                       amqp::empty_property_bytes, std::string(101, 'x'), 131072);
  const std::size_t body_frame_bytes = 101 + amqp::frame_overhead_bytes;
  client_.send_bytes(frames.substr(0, frames.size() - body_frame_bytes));
  EXPECT_THAT(client_.answer(),
              HasSubstr("406 reply-text=\"PRECONDITION_FAILED - message size 101 is larger than "
                        "configured max size 100\" failing-class-id=60 failing-method-id=40"));
  client_.send_bytes(frames.substr(frames.size() - body_frame_bytes));
  client_.send(1, amqp::ChannelCloseOk{});
  client_.send(1, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(), HasSubstr("1 channel.open-ok"));
}

TEST_F(ChannelTest, AfterAnErrorEverythingIsIgnoredUntilCloseOk) {
  client_.send(1, amqp::BasicGet{.queue = "nope"});
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  client_.publish(1, {.routing_key = "q"}, "a");
  EXPECT_THAT(client_.answer(), HasSubstr("channel.close reply-code=404"));
  EXPECT_EQ(broker_.topology().find_queue("/", "q"), nullptr);
  client_.send(1, amqp::ChannelClose{.reply_code = 200});
  EXPECT_EQ(client_.answer(), "1 channel.close-ok\n");
  client_.send(1, amqp::ChannelCloseOk{});
  client_.send(1, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(), HasSubstr("1 channel.open-ok"));
}

TEST_F(ChannelTest, LineBreaksAreStrippedFromNames) {
  client_.send(1, amqp::QueueDeclare{.queue = "q\r\n1"});
  EXPECT_EQ(client_.answer(), "1 queue.declare-ok queue=\"q1\" message-count=0 consumer-count=0\n");
}

TEST_F(ChannelTest, AnEmptyQueueNameIsTheLastDeclaredAndWithAnEmptyKeyTheKeyToo) {
  declare("q");
  client_.send(1, amqp::QueueBind{.exchange = "amq.direct"});
  EXPECT_EQ(client_.answer(), "1 queue.bind-ok\n");
  client_.publish(1, {.exchange = "amq.direct", .routing_key = "q"}, "a");
  client_.send(1, amqp::QueuePurge{});
  EXPECT_EQ(client_.answer(), "1 queue.purge-ok message-count=1\n");
  client_.send(1, amqp::QueueUnbind{.exchange = "amq.direct"});
  EXPECT_EQ(client_.answer(), "1 queue.unbind-ok\n");
  client_.publish(1, {.exchange = "amq.direct", .routing_key = "q", .mandatory = true}, "b");
  EXPECT_THAT(client_.answer(), HasSubstr("basic.return reply-code=312"));
}

TEST_F(ChannelTest, NoWaitDropsTheAnswerOnly) {
  client_.send(1, amqp::QueueDeclare{.queue = "q", .no_wait = true});
  client_.send(1, amqp::QueueBind{.queue = "q", .exchange = "amq.fanout", .no_wait = true});
  client_.send(1, amqp::BasicConsume{.queue = "q", .consumer_tag = "c", .no_wait = true});
  client_.send(1, amqp::BasicCancel{.consumer_tag = "c", .no_wait = true});
  client_.send(1, amqp::QueuePurge{.queue = "q", .no_wait = true});
  client_.send(1, amqp::QueueDelete{.queue = "q", .no_wait = true});
  EXPECT_EQ(client_.answer(), "");
  client_.send(1, amqp::QueueDeclare{.queue = "nope", .passive = true, .no_wait = true});
  EXPECT_THAT(client_.answer(), HasSubstr("channel.close reply-code=404"));
}

TEST_F(ChannelTest, DeletingAQueueThatIsNotThereIsFine) {
  client_.send(1, amqp::QueueDelete{.queue = "nope"});
  EXPECT_EQ(client_.answer(), "1 queue.delete-ok message-count=0\n");
}

TEST_F(ChannelTest, BccIsRemovedAndCcStays) {
  declare("a");
  declare("b");
  declare("c");
  const amqp::FieldTable headers{
      {"CC", amqp::FieldArray{"b"}}, {"BCC", amqp::FieldArray{"c"}}, {"other", 1}};
  const std::string bytes = headers.encode();
  client_.publish(1, {.routing_key = "a"}, "x", {.headers = amqp::FieldTableView{bytes}});
  for (const std::string_view queue : {"a", "b", "c"}) {
    client_.send(1, amqp::BasicGet{.queue = queue, .no_ack = true});
    EXPECT_THAT(client_.answer(), HasSubstr("routing-key=\"a\" message-count=0\n  1 octets "
                                            "headers={\"CC\": [\"b\"], \"other\": 1}\n"))
        << queue;
  }
}

TEST_F(ChannelTest, LargeBodiesArriveInFramesOfTheNegotiatedSize) {
  TestClient small(broker_);
  small.open({.channel_max = 1, .frame_max = 4096, .heartbeat = 0});
  declare("q");
  client_.publish(1, {.routing_key = "q"}, std::string(9000, 'x'));
  client_.answer();
  small.send(1, amqp::BasicGet{.queue = "q", .no_ack = true});
  EXPECT_THAT(small.answer(),
              HasSubstr("  9000 octets\n  body of 4088\n  body of 4088\n  body of 824\n"));
}

TEST_F(ChannelTest, RecoverOkComesBeforeWhatIsDeliveredAnew) {
  declare("q");
  client_.publish(1, {.routing_key = "q"}, "a");
  client_.send(1, amqp::BasicConsume{.queue = "q", .consumer_tag = "c"});
  client_.answer();
  client_.send(1, amqp::BasicRecover{.requeue = true});
  EXPECT_EQ(client_.answer(),
            "1 basic.recover-ok\n"
            "1 basic.deliver consumer-tag=\"c\" delivery-tag=2 redelivered=true exchange=\"\" "
            "routing-key=\"q\"\n  1 octets\n  \"a\"\n");
}

}  // namespace
}  // namespace lepus::connection
