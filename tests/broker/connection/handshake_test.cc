#include "broker/connection/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/connection/sasl.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TestClient;

class HandshakeTest : public ::testing::Test {
 protected:
  BrokerInTest broker_;
  TestClient client_{broker_};
};

TEST_F(HandshakeTest, StartPresentsRabbitMqWithItsCapabilities) {
  client_.send_bytes(amqp::protocol_header);
  const std::string start = client_.answer();
  EXPECT_THAT(start, StartsWith("0 connection.start version-major=0 version-minor=9"));
  for (const char* expected :
       {"\"product\": \"RabbitMQ\"", "\"version\": \"3.13.7\"", "\"lepus_version\"",
        "\"cluster_name\"", "\"publisher_confirms\": true", "\"direct_reply_to\": true",
        "\"connection.blocked\": true", "PLAIN AMQPLAIN", "en_US"}) {
    EXPECT_THAT(start, HasSubstr(expected));
  }
}

TEST_F(HandshakeTest, AnotherProtocolGetsTheRightHeaderAndTheEnd) {
  client_.stop_reading();
  client_.send_bytes("HTTP/1.1 and more");
  broker_.run();
  EXPECT_EQ(client_.connection().output().size_bytes(), amqp::protocol_header.size());
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_after_output);
  EXPECT_FALSE(client_.connection().wants_reading());
}

TEST_F(HandshakeTest, AWrongPasswordIsToldToClientsThatCanHearIt) {
  client_.send_bytes(amqp::protocol_header);
  client_.answer();
  client_.send_start_ok("guest", "wrong");
  EXPECT_EQ(
      client_.answer(),
      "0 connection.close reply-code=403 reply-text=\"ACCESS_REFUSED - Login was refused using "
      "authentication mechanism PLAIN. For details see the broker logfile.\" "
      "failing-class-id=0 failing-method-id=0\n");
}

TEST_F(HandshakeTest, AWrongPasswordOtherwiseEndsTheSocketAfterThreeSecondsOfSilence) {
  client_.send_bytes(amqp::protocol_header);
  client_.answer();
  client_.send_start_ok("guest", "wrong", "");
  EXPECT_EQ(client_.answer(), "");
  EXPECT_FALSE(client_.connection().wants_reading());
  broker_.advance(2900);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
  broker_.advance(200);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_now);
}

TEST_F(HandshakeTest, GuestMayComeFromTheOwnMachineOnly) {
  TestClient remote(broker_, 0, {.peer_host = "10.0.0.1", .is_loopback = false});
  remote.send_bytes(amqp::protocol_header);
  remote.answer();
  remote.send_start_ok("guest", "guest");
  EXPECT_THAT(remote.answer(), HasSubstr("ACCESS_REFUSED - Login was refused"));
}

TEST_F(HandshakeTest, TuneOkOutOfRangeEndsTheSocketInSilence) {
  const amqp::ConnectionTuneOk wrong[] = {
      {.channel_max = 2047, .frame_max = 0, .heartbeat = 0},
      {.channel_max = 2047, .frame_max = 4095, .heartbeat = 0},
      {.channel_max = 2047, .frame_max = 131073, .heartbeat = 0},
      {.channel_max = 0, .frame_max = 131072, .heartbeat = 0},
      {.channel_max = 2048, .frame_max = 131072, .heartbeat = 0},
  };
  for (const amqp::ConnectionTuneOk& tune : wrong) {
    SCOPED_TRACE(std::to_string(tune.channel_max) + " " + std::to_string(tune.frame_max));
    TestClient client(broker_);
    client.send_bytes(amqp::protocol_header);
    client.send_start_ok("guest", "guest");
    client.answer();
    client.send(0, tune);
    EXPECT_EQ(client.answer(), "");
    EXPECT_EQ(client.connection().state(), Connection::State::refusing);
  }
}

TEST_F(HandshakeTest, WithoutAFrameLimitTheClientMayChooseAny) {
  broker_.settings().frame_max_bytes = 0;
  client_.send_bytes(amqp::protocol_header);
  client_.send_start_ok("guest", "guest");
  EXPECT_THAT(client_.answer(), HasSubstr("connection.tune channel-max=2047 frame-max=0 "));
  client_.send(0, amqp::ConnectionTuneOk{.channel_max = 2047, .frame_max = 0, .heartbeat = 0});
  client_.send(0, amqp::ConnectionOpen{.virtual_host = "/"});
  client_.send(1, amqp::ChannelOpen{});
  client_.send(1, amqp::QueueDeclare{.queue = "q"});
  std::string frames;
  constexpr std::size_t body_bytes = 300'000;
  amqp::append_content(frames, amqp::ChannelNumber{1}, amqp::BasicPublish{.routing_key = "q"},
                       amqp::empty_property_bytes, std::string(body_bytes, 'x'), body_bytes + 8);
  // As sockets are read: in portions, the frame longer than any of them.
  for (std::size_t at = 0; at < frames.size(); at += Connection::receive_bytes_max) {
    ASSERT_TRUE(client_.connection().wants_reading());
    client_.send_bytes(std::string_view{frames}.substr(at, Connection::receive_bytes_max));
  }
  client_.send(1, amqp::BasicGet{.queue = "q", .no_ack = true});
  EXPECT_THAT(client_.answer(), HasSubstr("body of 300000"));
}

TEST_F(HandshakeTest, OnlyMechanismsThatAreSwitchedOnAreOffered) {
  broker_.settings().mechanisms = {"AMQPLAIN"};
  std::vector<std::string> log;
  broker_.settings().warn = [&log](const std::string& text) { log.push_back(text); };
  client_.send_bytes(amqp::protocol_header);
  EXPECT_THAT(client_.answer(), HasSubstr("mechanisms=\"AMQPLAIN\""));
  client_.send_start_ok("guest", "guest");  // by PLAIN
  EXPECT_EQ(client_.answer(), "");
  EXPECT_EQ(client_.connection().state(), Connection::State::refusing);
  EXPECT_THAT(
      log, ::testing::ElementsAre(HasSubstr("127.0.0.1:40000 -> 127.0.0.1:5672 (state: starting): "
                                            "unsupported authentication mechanism 'PLAIN'")));
}

TEST_F(HandshakeTest, ExternalTakesTheUserOfTheCertificate) {
  broker_.settings().mechanisms = {"PLAIN", "EXTERNAL"};
  const std::string properties =
      amqp::FieldTable{{"capabilities", amqp::FieldTable{{"authentication_failure_close", true}}}}
          .encode();
  const auto log_in = [&](const TlsDescription& tls, bool is_loopback = true) {
    TestClient client(broker_, 0, {.is_loopback = is_loopback, .is_tls = true});
    client.connection().set_tls(tls);
    client.send_bytes(amqp::protocol_header);
    EXPECT_THAT(client.answer(), HasSubstr("mechanisms=\"PLAIN EXTERNAL\""));
    client.send(0,
                amqp::ConnectionStartOk{
                    .client_properties = {properties}, .mechanism = "EXTERNAL", .locale = "en_US"});
    return client.answer();
  };
  EXPECT_THAT(log_in({.peer_certificate_login = "guest"}), HasSubstr("connection.tune"));
  for (const auto& answer : {log_in({}), log_in({.peer_certificate_login = "CN=nobody"}),
                             log_in({.peer_certificate_login = "guest"}, false)}) {
    EXPECT_THAT(answer, HasSubstr("Login was refused using authentication mechanism EXTERNAL"));
  }
}

TEST_F(HandshakeTest, ExternalIsForTlsAlone) {
  broker_.settings().mechanisms = {"PLAIN", "EXTERNAL"};
  client_.send_bytes(amqp::protocol_header);
  EXPECT_THAT(client_.answer(), HasSubstr("mechanisms=\"PLAIN\""));
  client_.send(0, amqp::ConnectionStartOk{.mechanism = "EXTERNAL", .locale = "en_US"});
  EXPECT_EQ(client_.answer(), "");
  EXPECT_EQ(client_.connection().state(), Connection::State::refusing);
}

TEST_F(HandshakeTest, RefusedLoginsAreLoggedWithoutLettingTheClientWriteLines) {
  std::vector<std::string> log;
  broker_.settings().warn = [&log](const std::string& text) { log.push_back(text); };
  client_.send_bytes(amqp::protocol_header);
  client_.send_start_ok("x\nroot logged in", "wrong");
  client_.answer();
  EXPECT_THAT(log,
              ::testing::ElementsAre(
                  "Error on AMQP connection 127.0.0.1:40000 -> 127.0.0.1:5672 (state: starting): "
                  "PLAIN login refused: user 'x?root logged in' - invalid credentials"));
}

TEST_F(HandshakeTest, TheNodesConnectionLimitIsAHardError) {
  broker_.settings().connection_max = 1;
  client_.open();
  TestClient second(broker_);
  second.send_bytes(amqp::protocol_header);
  second.send_start_ok("guest", "guest");
  second.send(0, amqp::ConnectionTuneOk{.channel_max = 1, .frame_max = 4096, .heartbeat = 0});
  second.answer();
  second.send(0, amqp::ConnectionOpen{.virtual_host = "/"});
  EXPECT_EQ(second.answer(),
            "0 connection.close reply-code=530 reply-text=\"NOT_ALLOWED - connection refused: node "
            "connection limit (1) is reached\" failing-class-id=10 failing-method-id=40\n");
  client_.cut();
  TestClient third(broker_);
  third.open();
}

TEST_F(HandshakeTest, AnUnknownVhostIsAHardError) {
  client_.send_bytes(amqp::protocol_header);
  client_.send_start_ok("guest", "guest");
  client_.send(0, amqp::ConnectionTuneOk{.channel_max = 1, .frame_max = 4096, .heartbeat = 0});
  client_.answer();
  client_.send(0, amqp::ConnectionOpen{.virtual_host = "nope"});
  EXPECT_EQ(client_.answer(),
            "0 connection.close reply-code=530 reply-text=\"NOT_ALLOWED - vhost nope not found\" "
            "failing-class-id=10 failing-method-id=40\n");
}

TEST_F(HandshakeTest, AnUnfinishedHandshakeEndsInTime) {
  client_.send_bytes(amqp::protocol_header);
  client_.answer();
  broker_.advance(9900);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
  broker_.advance(200);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_now);
}

TEST_F(HandshakeTest, AFinishedHandshakeHasNoTimeLimit) {
  client_.open();
  broker_.advance(60000);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
}

TEST_F(HandshakeTest, HeartbeatsAreSentEveryHalfIntervalAndASilentClientIsCutAfterThree) {
  client_.open({.channel_max = 1, .frame_max = 4096, .heartbeat = 2});
  std::string sent;
  for (int second = 1; second <= 5; ++second) {
    broker_.advance(1000);
    sent += client_.answer();
    EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep) << second;
  }
  EXPECT_EQ(sent,
            "heartbeat\nheartbeat\nheartbeat\nheartbeat\n");  // In the first, open-ok was sent.
  broker_.advance(1000);
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::close_now);
}

TEST_F(HandshakeTest, AnyOctetsKeepAClientAlive) {
  client_.open({.channel_max = 1, .frame_max = 4096, .heartbeat = 2});
  for (int second = 0; second < 20; ++second) {
    broker_.advance(1000);
    client_.send_bytes(std::string{"\x08\0\0\0\0\0\0\xCE", 8});
    client_.answer();
  }
  EXPECT_EQ(client_.connection().socket_wish(), SocketWish::keep);
}

TEST(Sasl, PlainWantsAnEmptyAuthorizationIdentity) {
  using namespace std::string_view_literals;
  const auto good = parse_sasl_response("PLAIN", "\0ann\0secret"sv);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->user, "ann");
  EXPECT_EQ(good->password, "secret");
  for (const std::string_view response :
       {"xx\0ann\0secret"sv, "\0ann"sv, ""sv, "ann"sv, "\0ann\0sec\0ret"sv}) {
    EXPECT_FALSE(parse_sasl_response("PLAIN", response));
  }
  EXPECT_FALSE(parse_sasl_response("EXTERNAL", ""));
}

TEST(Sasl, AmqplainIsATableWithoutItsLength) {
  amqp::FieldTable table{{"LOGIN", "ann"}, {"PASSWORD", "secret"}};
  const auto good = parse_sasl_response("AMQPLAIN", table.encode());
  ASSERT_TRUE(good);
  EXPECT_EQ(good->user, "ann");
  EXPECT_EQ(good->password, "secret");
  table.erase("PASSWORD");
  EXPECT_FALSE(parse_sasl_response("AMQPLAIN", table.encode()));
  EXPECT_FALSE(parse_sasl_response("AMQPLAIN", "\1"));
}

}  // namespace
}  // namespace lepus::connection
