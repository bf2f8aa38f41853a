#include "broker/transport/listener.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/transport/peer.h"
#include "tests/broker/transport/support.h"

namespace lepus::transport {
namespace {

TEST(Listener, Port0BindsAFreeOneAndTellsIt) {
  TestBroker broker;
  EXPECT_NE(broker.endpoint().port(), 0);
  RawClient client(broker.endpoint());
  client.send(protocol_header);
  EXPECT_EQ(method_of(client.receive_frame()), 0x000a000aU);
}

TEST(Listener, ABusyPortIsAnErrorThatNamesTheAddress) {
  TestBroker broker;
  const std::uint16_t port = broker.endpoint().port();
  Listener second({&broker.shard(0)}, {.address = "127.0.0.1", .port = port});
  const auto opened = second.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text,
            "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
}

TEST(Listener, AnAddressThatIsNoneIsAnError) {
  TestBroker broker;
  Listener listener({&broker.shard(0)}, {.address = "nowhere"});
  const auto opened = listener.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text, "cannot listen on 'nowhere': not an IP address");
}

TEST(Listener, ConnectionsAreSpreadEvenlyOverTheShards) {
  TestBroker broker(3);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<RawClient>(broker.endpoint()));
    clients.back()->send(protocol_header);
    EXPECT_EQ(method_of(clients.back()->receive_frame()), 0x000a000aU);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(broker.connection_count(i), 4U);
  }
}

TEST(Listener, AfterCloseNobodyGetsIn) {
  TestBroker broker;
  broker.listener().close();
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket(context);
  boost::system::error_code error;
  socket.connect(broker.endpoint(), error);
  EXPECT_EQ(error, boost::asio::error::connection_refused);
}

TEST(Listener, WhoComesWhileDescriptorsAreShortIsServedLater) {
  ::testing::internal::CaptureStdout();
  // UndefinedBehaviorSanitizer opens a pipe the first time it meets a dynamic type, which it could
  // not do below; so it meets those of the logger here. And the logger is made before the broker's
  // threads, as in the broker.
  spdlog::error("before {} are {}", std::string("descriptors"), std::string("short"));
  TestBroker broker;
  RawClient client_before(broker.endpoint());
  client_before.send(protocol_header);
  EXPECT_EQ(method_of(client_before.receive_frame()), 0x000a000aU);

  boost::asio::io_context context;
  boost::asio::ip::tcp::socket waiting(context);
  waiting.open(boost::asio::ip::tcp::v4());
  // The lowest that is free: none is left below it.
  const int lowest_free = ::dup(0);
  ASSERT_GE(lowest_free, 0);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  waiting.connect(broker.endpoint());  // into the backlog
  // Twice round the first shard's loop, so that it has tried to accept.
  broker.shard(0).run([] {}).wait();
  broker.shard(0).run([] {}).wait();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ::close(lowest_free);
  boost::asio::write(waiting, boost::asio::buffer(protocol_header.data(), 8));
  char octet = 0;
  EXPECT_EQ(boost::asio::read(waiting, boost::asio::buffer(&octet, 1)), 1U);
  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(log, ::testing::HasSubstr("cannot accept connections on 127.0.0.1"));
}

TEST(Listener, WhoComesWhileThereAreEnoughSessionsIsServedWhenOneGoes) {
  ::testing::internal::CaptureStdout();
  TestBroker broker(1, {.sessions_max = 1});
  auto first = std::make_unique<RawClient>(broker.endpoint());
  first->send(protocol_header);
  EXPECT_EQ(method_of(first->receive_frame()), connection_start);
  RawClient second(broker.endpoint());
  second.send(protocol_header);
  // Twice round the loop, so that it would have been accepted.
  broker.shard(0).run([] {}).wait();
  broker.shard(0).run([] {}).wait();
  EXPECT_EQ(broker.shard(0).session_count(), 1U);
  first.reset();
  EXPECT_EQ(method_of(second.receive_frame()), connection_start);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              ::testing::HasSubstr("there are 1 connections already"));
}

TEST(Listener, AddressesArePrintedAsClientsWriteThem) {
  using boost::asio::ip::make_address;
  EXPECT_EQ(to_text({make_address("0.0.0.0"), 5672}), "0.0.0.0:5672");
  EXPECT_EQ(to_text({make_address("::1"), 5672}), "[::1]:5672");
}

}  // namespace
}  // namespace lepus::transport
