#include "broker/transport/socket_session.h"

#include <future>
#include <string>

#include <gtest/gtest.h>

#include "tests/broker/transport/support.h"

namespace lepus::transport {
namespace {

using std::literals::string_literals::operator""s;

constexpr std::uint32_t connection_start = 0x000a000a;
constexpr std::uint32_t connection_tune = 0x000a001e;
constexpr std::uint32_t connection_open_ok = 0x000a0029;
constexpr std::uint32_t connection_close = 0x000a0032;

constexpr std::string_view close_ok{"\0\x0a\0\x33", 4};

std::string start_ok() {
  return method_frame(
      "\0\x0a\0\x0b"
      "\0\0\0\0"  // client_properties
      "\5PLAIN"
      "\0\0\0\x0c\0guest\0guest"
      "\5en_US"s);
}

std::string tune_ok() {
  return method_frame("\0\x0a\0\x1f\x07\xff\0\2\0\0\0\0"s);
}

std::string open() {
  return method_frame("\0\x0a\0\x28\1/\0\0"s);
}

/// Through the handshake until connection.open-ok.
void log_in(RawClient& client) {
  client.send(protocol_header);
  ASSERT_EQ(method_of(client.receive_frame()), connection_start);
  client.send(start_ok());
  ASSERT_EQ(method_of(client.receive_frame()), connection_tune);
  client.send(tune_ok() + open());
  ASSERT_EQ(method_of(client.receive_frame()), connection_open_ok);
}

TEST(SocketSession, AnswersTheProtocolHeaderWithConnectionStart) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  client.send(protocol_header);
  EXPECT_EQ(method_of(client.receive_frame()), connection_start);
}

TEST(SocketSession, ABadProtocolHeaderGetsTheRightOneAndTheEndOfTheStream) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  client.send("GET / HT");
  EXPECT_EQ(client.receive_rest(), protocol_header);
  EXPECT_EQ(client.error(), boost::asio::error::eof);
}

TEST(SocketSession, TheLastOctetsArriveEvenIfTheClientHasSentMore) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  // Unread input would make the kernel answer the close by a reset, which overtakes the octets.
  client.send("GET / HTTP/1.1\r\n" + std::string(100'000, 'x'));
  EXPECT_EQ(client.receive_rest(), protocol_header);
  EXPECT_EQ(client.error(), boost::asio::error::eof);
}

TEST(SocketSession, AClientThatHangsUpIsForgotten) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  log_in(client);
  EXPECT_EQ(broker.connection_count(0), 1U);
  client.socket().close();
  while (broker.connection_count(0) != 0) {
    // Each time asks the shard's own loop, which has the end of the stream in front of it.
  }
  EXPECT_EQ(broker.shard(0).session_count(), 0U);
}

TEST(SocketSession, TakesTheHandshakeInSingleOctets) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  const std::string octets = std::string(protocol_header) + start_ok() + tune_ok() + open();
  client.socket().set_option(boost::asio::ip::tcp::no_delay(true));
  for (const char octet : octets) {
    client.send({&octet, 1});
  }
  EXPECT_EQ(method_of(client.receive_frame()), connection_start);
  EXPECT_EQ(method_of(client.receive_frame()), connection_tune);
  EXPECT_EQ(method_of(client.receive_frame()), connection_open_ok);
}

TEST(SocketSession, ShutdownSaysGoodbyeAndTheConnectionIsGoneWithCloseOk) {
  TestBroker broker(2);
  RawClient client(broker.endpoint());
  RawClient other(broker.endpoint());
  log_in(client);
  log_in(other);
  std::promise<void> first_gone;
  std::promise<void> second_gone;
  const std::string_view text = "broker forced connection closure with reason 'shutdown'";
  broker.shard(0).post(
      [&] { broker.shard(0).close_connections(text, [&] { first_gone.set_value(); }); });
  broker.shard(1).post(
      [&] { broker.shard(1).close_connections(text, [&] { second_gone.set_value(); }); });
  for (RawClient* each : {&client, &other}) {
    const std::string frame = each->receive_frame();
    EXPECT_EQ(method_of(frame), connection_close);
    EXPECT_NE(frame.find("CONNECTION_FORCED - broker forced connection closure with reason "
                         "'shutdown'"),
              std::string::npos);
    each->send(method_frame(close_ok));
    EXPECT_EQ(each->receive_rest(), "");
    EXPECT_EQ(each->error(), boost::asio::error::eof);
  }
  first_gone.get_future().wait();
  second_gone.get_future().wait();
}

TEST(SocketSession, DroppedSessionsAreClosedAtOnce) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  log_in(client);
  broker.shard(0).run([&] { broker.shard(0).drop_sessions(); }).wait();
  EXPECT_EQ(client.receive_rest(), "");
  EXPECT_EQ(broker.shard(0).session_count(), 0U);
}

}  // namespace
}  // namespace lepus::transport
