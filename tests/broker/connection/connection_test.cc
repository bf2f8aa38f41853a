#include "broker/connection/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/connection/connection_walk.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::method_frame;
using testing::TestClient;

class ConnectionTest : public ::testing::Test {
 protected:
  BrokerInTest broker_;
  TestClient client_{broker_};
};

/// Everything a small client does, as one row of octets.
std::string session_octets() {
  const amqp::ChannelNumber one{1};
  std::string octets{amqp::protocol_header};
  amqp::append_method_frame(
      octets, {},
      amqp::ConnectionStartOk{.mechanism = "PLAIN", .response = {{"\0guest\0guest", 12}}});
  amqp::append_method_frame(
      octets, {}, amqp::ConnectionTuneOk{.channel_max = 9, .frame_max = 4096, .heartbeat = 0});
  amqp::append_method_frame(octets, {}, amqp::ConnectionOpen{.virtual_host = "/"});
  amqp::append_method_frame(octets, one, amqp::ChannelOpen{});
  amqp::append_method_frame(octets, one, amqp::ConfirmSelect{});
  amqp::append_method_frame(octets, one, amqp::QueueDeclare{.queue = "q", .durable = true});
  amqp::append_method_frame(octets, one, amqp::BasicConsume{.consumer_tag = "c"});
  amqp::append_content(octets, one, amqp::BasicPublish{.routing_key = "q"},
                       amqp::encode_properties({.delivery_mode = 2}), std::string(10000, 'x'),
                       4096);
  amqp::append_content(octets, one, amqp::BasicPublish{.routing_key = "nowhere", .mandatory = true},
                       amqp::empty_property_bytes, "lost", 4096);
  amqp::append_method_frame(octets, one, amqp::BasicAck{.delivery_tag = {1}});
  amqp::append_method_frame(octets, one, amqp::BasicCancel{.consumer_tag = "c"});
  amqp::append_method_frame(octets, one, amqp::QueueDelete{.queue = "q"});
  amqp::append_method_frame(octets, one, amqp::ChannelClose{.reply_code = 200});
  amqp::append_method_frame(octets, {}, amqp::ConnectionClose{.reply_code = 200});
  return octets;
}

/// The answers but for the one thing that depends on how turns fall: when a confirm is sent, and
/// how many it takes.
std::string without_confirms(const std::string& answers) {
  std::string rest;
  std::size_t begin = 0;
  while (begin < answers.size()) {
    const std::size_t end = answers.find('\n', begin) + 1;
    const std::string line = answers.substr(begin, end - begin);
    if (line.find("basic.ack") == std::string::npos) {
      rest += line;
    }
    begin = end;
  }
  return rest;
}

TEST_F(ConnectionTest, ASessionIsTheSameWhereverItsOctetsAreSplit) {
  const std::string octets = session_octets();
  client_.send_bytes(octets);
  const std::string expected = without_confirms(client_.answer());
  EXPECT_THAT(expected, HasSubstr("0 connection.open-ok"));
  EXPECT_THAT(expected, HasSubstr("1 basic.return reply-code=312 reply-text=\"NO_ROUTE\""));
  EXPECT_THAT(expected, HasSubstr("1 queue.delete-ok message-count=0"));
  EXPECT_THAT(expected, EndsWith("1 channel.close-ok\n0 connection.close-ok\n"));
  for (std::size_t split = 1; split < octets.size(); split += split < 1000 ? 1 : 37) {
    SCOPED_TRACE(split);
    TestClient client(broker_);
    client.send_bytes(octets.substr(0, split));
    std::string answers = client.answer();
    client.send_bytes(octets.substr(split));
    answers += client.answer();
    ASSERT_EQ(without_confirms(answers), expected);
  }
  TestClient single(broker_);
  std::string answers;
  for (const char octet : octets) {
    single.send_bytes({&octet, 1});
    answers += single.answer();
  }
  EXPECT_EQ(without_confirms(answers), expected);
}

TEST_F(ConnectionTest, PipelinedMethodsAreAnsweredInTheirOrderWhileTheStoreIsSlow) {
  client_.open();
  broker_.store().hold();
  client_.send(1, amqp::ExchangeDeclare{.exchange = "x", .type = "fanout", .durable = true});
  client_.send(1, amqp::QueueDeclare{.queue = "q", .durable = true});
  client_.send(1, amqp::QueueBind{.queue = "q", .exchange = "x"});
  EXPECT_EQ(client_.answer(), "");
  EXPECT_FALSE(client_.connection().wants_reading());
  broker_.store().release();
  EXPECT_EQ(client_.answer(),
            "1 exchange.declare-ok\n"
            "1 queue.declare-ok queue=\"q\" message-count=0 consumer-count=0\n"
            "1 queue.bind-ok\n");
  EXPECT_TRUE(client_.connection().wants_reading());
}

TEST_F(ConnectionTest, ChannelMaxLimitsHowManyChannelsAreOpenNotTheirNumbers) {
  client_.open({.channel_max = 2, .frame_max = 4096, .heartbeat = 0});
  client_.send(500, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(), HasSubstr("500 channel.open-ok"));
  client_.send(7, amqp::ChannelOpen{});
  EXPECT_EQ(
      client_.answer(),
      "0 connection.close reply-code=530 reply-text=\"NOT_ALLOWED - number of channels opened "
      "(2) has reached the negotiated channel_max (2)\" failing-class-id=0 "
      "failing-method-id=0\n");
}

TEST_F(ConnectionTest, HardErrorsCloseTheConnectionAndOnlyCloseOkCountsAfterwards) {
  client_.open();
  client_.send(2, amqp::BasicGet{.queue = "q"});
  EXPECT_EQ(client_.answer(),
            "0 connection.close reply-code=504 reply-text=\"CHANNEL_ERROR - expected "
            "'channel.open'\" failing-class-id=60 failing-method-id=70\n");
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  EXPECT_EQ(client_.answer(), "");
  client_.send(0, amqp::ConnectionClose{.reply_code = 200});
  EXPECT_EQ(client_.answer(), "0 connection.close-ok\n");
  client_.send(0, amqp::ConnectionCloseOk{});
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_after_output);
}

TEST_F(ConnectionTest, AMissingCloseOkIsWaitedForAsLongAsAHeartbeat) {
  client_.open({.channel_max = 1, .frame_max = 4096, .heartbeat = 20});
  client_.connection().close(amqp::ReplyCode::connection_forced, "bye");
  EXPECT_EQ(client_.answer(),
            "0 connection.close reply-code=320 reply-text=\"CONNECTION_FORCED - bye\" "
            "failing-class-id=0 failing-method-id=0\n");
  broker_.advance(19000);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
  broker_.advance(1500);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_now);
}

TEST_F(ConnectionTest, ErrorsOfFramesAndOfChannelZero) {
  using namespace std::string_view_literals;

  struct Case {
    std::string_view name;
    std::string octets;
    std::string_view close;
  };

  const std::string publish = method_frame(1, amqp::BasicPublish{.routing_key = "q"});
  const Case cases[] = {
      {"wrong end", std::string{"\1\0\1\0\0\0\5\0\24\0\12\0\0"sv},
       "501 reply-text=\"FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: "
       "{invalid_frame_end_marker,0}\" failing-class-id=0 failing-method-id=0"},
      {"body first", std::string{"\3\0\1\0\0\0\3abc\xCE"sv},
       "505 reply-text=\"UNEXPECTED_FRAME - expected method frame, got non method frame instead\" "
       "failing-class-id=0 failing-method-id=0"},
      {"method for header", publish + publish,
       "505 reply-text=\"UNEXPECTED_FRAME - expected content header for class 60, got non content "
       "header frame instead\" failing-class-id=60 failing-method-id=40"},
      {"arguments", std::string{"\1\0\1\0\0\0\x09\0\x32\0\12\0\0\5ab\xCE"sv},
       "501 reply-text=\"FRAME_ERROR - cannot decode <<0,0,5,97,98>>\" failing-class-id=50 "
       "failing-method-id=10"},
      {"arguments on channel 0", std::string{"\1\0\0\0\0\0\5\0\12\0\x32\0\xCE"sv},
       "541 reply-text=\"INTERNAL_ERROR\" failing-class-id=0 failing-method-id=0"},
      {"open again", method_frame(0, amqp::ConnectionOpen{.virtual_host = "/"}),
       "504 reply-text=\"CHANNEL_ERROR - unexpected method in connection state running\" "
       "failing-class-id=10 failing-method-id=40"},
      {"channel.open on channel 0", method_frame(0, amqp::ChannelOpen{}),
       "504 reply-text=\"CHANNEL_ERROR - unexpected method in connection state running\" "
       "failing-class-id=20 failing-method-id=10"},
      {"connection method on a channel", method_frame(1, amqp::ConnectionOpen{.virtual_host = "/"}),
       "503 reply-text=\"COMMAND_INVALID - unimplemented method\" failing-class-id=10 "
       "failing-method-id=40"},
      {"a server's method", method_frame(1, amqp::QueueDeclareOk{.queue = "q"}),
       "503 reply-text=\"COMMAND_INVALID - unimplemented method\" failing-class-id=50 "
       "failing-method-id=11"},
      {"close-ok", method_frame(1, amqp::ChannelCloseOk{}),
       "503 reply-text=\"COMMAND_INVALID - unimplemented method\" failing-class-id=20 "
       "failing-method-id=41"},
      {"second open", method_frame(1, amqp::ChannelOpen{}),
       "504 reply-text=\"CHANNEL_ERROR - second 'channel.open' seen\" failing-class-id=20 "
       "failing-method-id=10"},
      {"flow", method_frame(1, amqp::ChannelFlow{.active = false}),
       "540 reply-text=\"NOT_IMPLEMENTED - active=false\" failing-class-id=20 "
       "failing-method-id=20"},
      {"immediate", method_frame(1, amqp::BasicPublish{.immediate = true}),
       "540 reply-text=\"NOT_IMPLEMENTED - immediate=true\" failing-class-id=60 "
       "failing-method-id=40"},
      {"prefetch size", method_frame(1, amqp::BasicQos{.prefetch_size = 7}),
       "540 reply-text=\"NOT_IMPLEMENTED - prefetch_size!=0 (7)\" failing-class-id=60 "
       "failing-method-id=10"},
      {"recover", method_frame(1, amqp::BasicRecover{.requeue = false}),
       "540 reply-text=\"NOT_IMPLEMENTED - requeue=false\" failing-class-id=60 "
       "failing-method-id=110"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    TestClient client(broker_);
    client.open();
    client.send_bytes(each.octets);
    EXPECT_EQ(client.answer(), "0 connection.close reply-code=" + std::string{each.close} + "\n");
  }
}

TEST_F(ConnectionTest, UpdateSecretIsAccepted) {
  client_.open();
  client_.send(0, amqp::ConnectionUpdateSecret{.new_secret = {"x"}, .reason = "y"});
  EXPECT_EQ(client_.answer(), "0 connection.update-secret-ok\n");
}

TEST_F(ConnectionTest, UnderAnAlarmThePublisherIsToldOnceAndNotReadUntilItEnds) {
  client_.open();
  broker_.connections().set_alarm(true, false);
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  EXPECT_THAT(client_.answer(), HasSubstr("queue.declare-ok"));
  client_.publish(1, {.routing_key = "q"}, "a");
  client_.send(1, amqp::BasicQos{.prefetch_count = 1});
  EXPECT_EQ(client_.answer(), "0 connection.blocked reason=\"low on memory\"\n");
  EXPECT_FALSE(client_.connection().wants_reading());
  EXPECT_EQ(client_.connection().row().state, "blocked");
  broker_.connections().set_alarm(true, true);
  broker_.connections().set_alarm(false, true);
  EXPECT_EQ(client_.answer(), "");
  broker_.connections().set_alarm(false, false);
  EXPECT_EQ(client_.answer(), "0 connection.unblocked\n1 basic.qos-ok\n");
}

TEST_F(ConnectionTest, APublisherToACongestedOwnerIsNotRead) {
  client_.open();
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  client_.answer();
  broker_.connections().owner_congested({.owner = 0, .congested = true});
  EXPECT_TRUE(client_.connection().wants_reading());
  client_.publish(1, {.routing_key = "q"}, "a");
  client_.publish(1, {.routing_key = "q"}, "b");
  client_.send(1, amqp::QueueDeclare{.queue = "q", .passive = true});
  EXPECT_EQ(client_.answer(), "");
  EXPECT_FALSE(client_.connection().wants_reading());
  broker_.connections().owner_congested({.owner = 0, .congested = false});
  EXPECT_EQ(client_.answer(), "1 queue.declare-ok queue=\"q\" message-count=2 consumer-count=0\n");
  EXPECT_TRUE(client_.connection().wants_reading());
}

TEST_F(ConnectionTest, APublisherThatIsGoneIsNotWokenWhenItsOwnerTakesMoreAgain) {
  client_.open();
  client_.publish(1, {.routing_key = "nowhere"}, "a");
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  client_.answer();
  TestClient gone(broker_);
  gone.open();
  gone.publish(1, {.routing_key = "q"}, "a");
  broker_.connections().owner_congested({.owner = 0, .congested = true});
  gone.cut();
  broker_.connections().owner_congested({.owner = 0, .congested = false});
  client_.publish(1, {.routing_key = "q"}, "b");
  broker_.connections().owner_congested({.owner = 0, .congested = true});
  EXPECT_FALSE(client_.connection().wants_reading());
  broker_.connections().owner_congested({.owner = 0, .congested = false});
  broker_.run();
  EXPECT_TRUE(client_.connection().wants_reading());
}

TEST_F(ConnectionTest, WithoutFrameMaxALargeFrameIsReadToItsEnd) {
  broker_.settings().frame_max_bytes = 0;
  client_.open({.channel_max = 2047, .frame_max = 0, .heartbeat = 10});
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  client_.answer();
  const std::string body(300'000, 'x');
  std::string frames;
  amqp::append_content(frames, amqp::ChannelNumber{1}, amqp::BasicPublish{.routing_key = "q"},
                       amqp::encode_properties({}), body, 0);
  std::string_view rest = frames;
  while (rest.size() > 1000) {
    ASSERT_TRUE(client_.connection().wants_reading());
    const std::string_view piece = rest.substr(0, Connection::receive_bytes_max - 500);
    client_.send_bytes(piece.substr(0, rest.size() - 1000));
    rest.remove_prefix(std::min(piece.size(), rest.size() - 1000));
    broker_.run();
  }
  ASSERT_TRUE(client_.connection().wants_reading());
  client_.send_bytes(rest);
  client_.send(1, amqp::BasicGet{.queue = "q", .no_ack = true});
  EXPECT_THAT(client_.answer(), HasSubstr("300000 octets\n  body of 300000\n"));
}

TEST_F(ConnectionTest, AClientThatDoesNotReadItsRepliesIsNotRead) {
  client_.open();
  client_.stop_reading();
  client_.publish(1, {.routing_key = "nowhere", .mandatory = true},
                  std::string(Connection::replies_waiting_bytes_max, 'x'));
  client_.send(1, amqp::BasicQos{});
  broker_.run();
  EXPECT_FALSE(client_.connection().wants_reading());
  client_.read_on();
  EXPECT_THAT(client_.answer(), EndsWith("1 basic.qos-ok\n"));
  EXPECT_TRUE(client_.connection().wants_reading());
}

TEST_F(ConnectionTest, ExclusiveQueuesAreGoneWhenCloseIsAnswered) {
  client_.open();
  client_.send(1, amqp::QueueDeclare{.queue = "mine", .exclusive = true});
  client_.answer();
  TestClient other(broker_);
  other.open();
  other.send(1, amqp::QueueDeclare{.queue = "mine", .passive = true});
  EXPECT_THAT(other.answer(), HasSubstr("405 reply-text=\"RESOURCE_LOCKED - cannot obtain"));
  client_.send(0, amqp::ConnectionClose{.reply_code = 200});
  EXPECT_EQ(client_.answer(), "0 connection.close-ok\n");
  EXPECT_EQ(broker_.topology().find_queue("/", "mine"), nullptr);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
  broker_.advance(300);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_now);
}

TEST_F(ConnectionTest, LimitsOfUsersAndVhosts) {
  auto user = *broker_.topology().find_user("guest");
  user.limits.max_channels = 1;
  ASSERT_TRUE(broker_.topology().put_user(user));
  client_.open();
  client_.send(2, amqp::ChannelOpen{});
  EXPECT_THAT(client_.answer(),
              HasSubstr("NOT_ALLOWED - number of channels opened for user 'guest' has reached the "
                        "maximum allowed user limit of (1)\" failing-class-id=0"));
  client_.cut();
  user.limits.max_channels.reset();
  user.limits.max_connections = 0;
  ASSERT_TRUE(broker_.topology().put_user(user));
  TestClient refused(broker_);
  refused.send_bytes(amqp::protocol_header);
  refused.send_start_ok("guest", "guest");
  refused.send(0, amqp::ConnectionTuneOk{.channel_max = 1, .frame_max = 4096, .heartbeat = 0});
  refused.send(0, amqp::ConnectionOpen{.virtual_host = "/"});
  EXPECT_THAT(refused.answer(),
              HasSubstr("NOT_ALLOWED - connection refused for user 'guest': user connection limit "
                        "(0) is reached\" failing-class-id=10 failing-method-id=40"));
}

TEST_F(ConnectionTest, RowsTellManagementWhatThereIs) {
  client_.open();
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  client_.send(1, amqp::BasicConsume{.queue = "q", .consumer_tag = "c"});
  client_.publish(1, {.routing_key = "q"}, "a");
  client_.answer();
  std::vector<model::ConnectionRow> connections;
  std::vector<model::ChannelRow> channels;
  std::vector<model::ConsumerRow> consumers;
  ConnectionWalk{broker_.connections()}.append_rows(connections, 100);
  ConnectionWalk{broker_.connections()}.append_rows(channels, 100);
  ConnectionWalk{broker_.connections()}.append_rows(consumers, 100);
  ASSERT_EQ(connections.size(), 1U);
  EXPECT_EQ(connections[0].name, "127.0.0.1:40000 -> 127.0.0.1:5672");
  EXPECT_EQ(connections[0].user, "guest");
  EXPECT_EQ(connections[0].vhost, "/");
  EXPECT_EQ(connections[0].state, "running");
  ASSERT_EQ(channels.size(), 1U);
  EXPECT_EQ(channels[0].messages_unacknowledged, 1U);
  EXPECT_EQ(channels[0].messages.publish, 1U);
  EXPECT_EQ(channels[0].messages.deliver, 1U);
  ASSERT_EQ(consumers.size(), 1U);
  EXPECT_EQ(consumers[0].tag, "c");
  EXPECT_EQ(consumers[0].queue, "q");
  client_.cut();
  EXPECT_EQ(broker_.connections().closed_counters().publish, 1U);
}

}  // namespace
}  // namespace lepus::connection
