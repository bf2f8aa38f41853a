#include "broker/transport/socket_session.h"

#include <future>
#include <string>

#include <gtest/gtest.h>

#include "tests/broker/transport/support.h"

namespace lepus::transport {
namespace {

using std::literals::string_literals::operator""s;

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

TEST(SocketSession, WhatAStoppedShardStillHasEndsBeforeTheStoreCloses) {
  using std::literals::string_literals::operator""s;
  TestBroker broker(2);
  RawClient client(broker.endpoint());
  log_in(client);
  client.send(method_frame("\0\x14\0\x0a\0"s, 1));  // channel.open
  client.receive_frame();
  // queue.declare of an exclusive queue, whose deletion is appended to the store.
  client.send(method_frame("\0\x32\0\x0a\0\0\4mine\4\0\0\0\0"s, 1));
  constexpr std::uint32_t declare_ok = 0x0032000b;
  ASSERT_EQ(method_of(client.receive_frame()), declare_ok);
  broker.end_threads();
  for (const std::size_t index : {0, 1}) {
    broker.shard(index).finish_remains();
    EXPECT_EQ(broker.shard(index).connections().connection_count(), 0U);
  }
  client.receive_rest();
  EXPECT_TRUE(client.error());
}

TEST(SocketSession, DroppedSessionsAreClosedAtOnce) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  log_in(client);
  broker.shard(0).run([&] { broker.shard(0).drop_sessions(); }).wait();
  EXPECT_EQ(client.receive_rest(), "");
  EXPECT_EQ(broker.shard(0).session_count(), 0U);
}

TEST(SocketSession, WhatTheSocketDoesNotTakeAtOnceFollowsWhenTheClientReads) {
  constexpr std::size_t body_bytes = std::size_t{16} * 1024 * 1024;
  TestBroker broker;
  RawClient client(broker.endpoint());
  client.socket().set_option(boost::asio::socket_base::receive_buffer_size(16 * 1024));
  log_in(client);
  client.send(method_frame("\0\x14\0\x0a\0"s, 1));  // channel.open
  ASSERT_EQ(method_of(client.receive_frame()), 0x0014000bU);
  client.send(method_frame("\0\x32\0\x0a\0\0\1q\0\0\0\0\0"s, 1));  // queue.declare
  ASSERT_EQ(method_of(client.receive_frame()), 0x0032000bU);
  std::string body;
  for (std::size_t i = 0; body.size() < body_bytes; ++i) {
    body += std::to_string(i) + ' ';
  }
  body.resize(body_bytes);
  std::string header("\0\x3c\0\0\0\0\0\0"s);
  for (int shift = 24; shift >= 0; shift -= 8) {
    header += static_cast<char>(body_bytes >> static_cast<unsigned>(shift) & 0xffU);
  }
  client.send(method_frame("\0\x3c\0\x28\0\0\0\1q\0"s, 1));  // basic.publish
  client.send(frame_of('\2', 1, header + "\0\0"s));
  constexpr std::size_t piece_bytes = 131072 - 8;
  for (std::size_t at = 0; at < body_bytes; at += piece_bytes) {
    client.send(frame_of('\3', 1, std::string_view(body).substr(at, piece_bytes)));
  }
  client.send(method_frame("\0\x3c\0\x46\0\0\1q\1"s, 1));  // basic.get
  // The socket is full long before the client reads the first octet.
  while (broker.connection_count(0) == 1 && client.socket().available() == 0) {
  }
  ASSERT_EQ(method_of(client.receive_frame()), 0x003c0047U);
  client.receive_frame();  // its header
  std::string received;
  while (received.size() < body_bytes) {
    const std::string frame = client.receive_frame();
    ASSERT_GT(frame.size(), 8U);
    received += std::string_view(frame).substr(7, frame.size() - 8);
  }
  EXPECT_TRUE(received == body);
}

TEST(SocketSession, AClientThatHangsUpWhileItIsNotReadIsForgotten) {
  TestBroker broker;
  RawClient client(broker.endpoint());
  log_in(client);
  client.send(method_frame("\0\x14\0\x0a\0"s, 1));
  ASSERT_EQ(method_of(client.receive_frame()), 0x0014000bU);
  broker.shard(0).run([&] { broker.shard(0).connections().set_alarm(true, false); }).wait();
  // A publisher under an alarm: connections of it are not read until it is over.
  client.send(method_frame("\0\x3c\0\x28\0\0\0\0\0"s, 1));
  client.send(frame_of('\2', 1, "\0\x3c\0\0\0\0\0\0\0\0\0\0\0\0"s));
  ASSERT_EQ(broker.connection_count(0), 1U);
  client.socket().close();
  while (broker.connection_count(0) != 0) {
  }
  EXPECT_EQ(broker.shard(0).session_count(), 0U);
}

}  // namespace
}  // namespace lepus::transport
