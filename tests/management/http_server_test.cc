#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "broker/model/names.h"
#include "management/answer_budget.h"
#include "management/server.h"
#include "tests/management/fake_broker.h"

namespace lepus::management {
namespace {

namespace asio = boost::asio;

/// One HTTP connection that says what the test wants, octet by octet.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : socket_(context_) {
    socket_.connect({asio::ip::make_address("127.0.0.1"), port});
  }

  /// Sends as much as the server takes; false if it has hung up meanwhile.
  bool send(std::string_view octets) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(octets.data(), octets.size()), error);
    return !error;
  }

  /// Everything until the server ends the stream. A reset is noted in error().
  std::string receive_rest() {
    std::string octets;
    asio::read(socket_, asio::dynamic_buffer(octets), error_);
    return octets;
  }

  /// The head of one answer, up to the empty line.
  std::string receive_head() {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      char octet = 0;
      if (asio::read(socket_, asio::buffer(&octet, 1), error_) != 1) {
        break;
      }
      head += octet;
    }
    return head;
  }

  [[nodiscard]] const boost::system::error_code& error() const { return error_; }

 private:
  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  boost::system::error_code error_;
};

std::string login(std::string_view credentials = "guest:guest") {
  return "Authorization: Basic " + model::base64_encode(credentials) + "\r\n";
}

std::string head(std::string_view line, std::string_view headers, std::size_t body_bytes) {
  return std::string{line} + " HTTP/1.1\r\nHost: x\r\n" + std::string{headers} +
         "Content-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
}

class HttpServerTest : public ::testing::Test {
 protected:
  explicit HttpServerTest(ServerOptions options = {.bind = "127.0.0.1", .port = 0})
      : server_(std::move(options), broker_) {
    EXPECT_TRUE(server_.start());
  }

  FakeBroker broker_;
  Server server_;
};

/// More than sockets hold, so that a server that does not read it is noticed.
constexpr std::size_t large_bytes = std::size_t{15} << 20U;

TEST_F(HttpServerTest, ALargeBodyThatIsRefusedIsNotWaitedForAndItsAnswerArrives) {
  for (const std::string& refused :
       {head("PUT /api/vhosts/x", login("guest:wrong"), large_bytes),
        head("GET /api/auth", "", large_bytes), head("GET /api/overview", login(), large_bytes)}) {
    HttpClient client{server_.port()};
    ASSERT_TRUE(client.send(refused));
    // The answer comes before the body has, which then must not tear it down.
    const std::string answer = client.receive_head();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 ")) << refused;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
    static_cast<void>(client.send(std::string(large_bytes, 'x')));
    static_cast<void>(client.receive_rest());
    EXPECT_EQ(client.error(), asio::error::eof) << client.error().message();
  }
}

TEST(HttpServerStop, WhatIsDueJustThenIsLeft) {
  FakeBroker broker;
  for (int i = 0; i < 200; ++i) {
    Server server({.bind = "127.0.0.1", .port = 0, .sample_interval = {}}, broker);
    ASSERT_TRUE(server.start());
    asio::io_context context;
    asio::ip::tcp::socket client{context};
    client.connect({asio::ip::make_address("127.0.0.1"), server.port()});
    server.stop();  // A sample is due at any moment, and a connection waits.
  }
}

TEST_F(HttpServerTest, AnAnswerIsNotLostWhenTheBodyCameWithTheHead) {
  HttpClient client{server_.port()};
  ASSERT_TRUE(client.send(head("PUT /api/vhosts/x", login("guest:wrong"), large_bytes) +
                          std::string(large_bytes, 'x')));
  const std::string answer = client.receive_rest();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 401 ")) << answer;
  EXPECT_EQ(client.error(), asio::error::eof) << client.error().message();
}

TEST_F(HttpServerTest, ABodyThatIsTooLargeIsRefusedAfterTheLogin) {
  constexpr std::size_t too_large_bytes = std::size_t{17} << 20U;
  for (const auto& [credentials, status] :
       {std::pair{"guest:guest", "413"}, std::pair{"guest:wrong", "401"}}) {
    HttpClient client{server_.port()};
    ASSERT_TRUE(client.send(head("POST /api/definitions", login(credentials), too_large_bytes)));
    EXPECT_NE(client.receive_head().find(status), std::string::npos);
  }
}

TEST_F(HttpServerTest, ABodyInPiecesIsCountedToo) {
  HttpClient client{server_.port()};
  ASSERT_TRUE(client.send("PUT /api/vhosts/x HTTP/1.1\r\nHost: x\r\n" + login("guest:wrong") +
                          "Transfer-Encoding: chunked\r\n\r\n20000\r\n" +
                          std::string(0x20000, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_TRUE(client.receive_head().starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, ALargeBodyOfWhoMayWriteIsRead) {
  HttpClient client{server_.port()};
  const std::string body = R"({"comment":")" + std::string(large_bytes, 'x') + "\"}";
  ASSERT_TRUE(client.send(
      head("POST /api/definitions", login() + "Connection: close\r\n", body.size()) + body));
  EXPECT_TRUE(client.receive_rest().starts_with("HTTP/1.1 204 "));
}

class SmallBudgetTest : public HttpServerTest {
 protected:
  SmallBudgetTest() : HttpServerTest({.bind = "127.0.0.1", .port = 0, .answer_bytes_max = 1000}) {}
};

TEST_F(SmallBudgetTest, AnAnswerBeyondTheBudgetIsRefusedAndTheOthersGoOn) {
  for (const char* expected : {"HTTP/1.1 200 ", "HTTP/1.1 503 ", "HTTP/1.1 200 "}) {
    const bool large = std::string_view{expected}.find("503") != std::string_view::npos;
    HttpClient client{server_.port()};
    ASSERT_TRUE(client.send(head(large ? "GET /api/overview" : "GET /api/whoami",
                                 login() + "Connection: close\r\n", 0)));
    const std::string answer = client.receive_rest();
    EXPECT_TRUE(answer.starts_with(expected)) << answer;
  }
}

TEST_F(SmallBudgetTest, ABodyBeyondTheBudgetIsNotRead) {
  HttpClient client{server_.port()};
  ASSERT_TRUE(client.send(head("POST /api/definitions", login(), large_bytes)));
  EXPECT_TRUE(client.receive_head().starts_with("HTTP/1.1 503 "));
}

TEST(AnswerBudget, CountsOctetsUntilTheirChargeGoes) {
  AnswerBudget budget{100};
  auto first = budget.open();
  EXPECT_TRUE(first->add(60));
  EXPECT_FALSE(first->add(41));
  {
    const auto second = budget.open();
    EXPECT_TRUE(second->add(40));
    EXPECT_FALSE(second->add(1));
    EXPECT_EQ(budget.pending_bytes(), 100U);
  }
  EXPECT_EQ(budget.pending_bytes(), 60U);
  first.reset();
  EXPECT_EQ(budget.pending_bytes(), 0U);
}

}  // namespace
}  // namespace lepus::management
