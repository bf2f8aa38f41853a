#include "broker/health_client.h"

#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lepus {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

/// The start of connection.start, in a frame of 4 bytes' payload.
constexpr std::string_view start_frame("\x01\0\0\0\0\0\x04\0\x0a\0\x0a\xce", 12);

/// Answers the first protocol header on a port of its own with `answer`, then hangs up.
class OneAnswer {
 public:
  explicit OneAnswer(std::string_view answer)
      : acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        thread_([this, answer] {
          auto socket = acceptor_.accept();
          boost::system::error_code error;
          boost::asio::read(socket, boost::asio::buffer(header_), error);
          boost::asio::write(socket, boost::asio::buffer(answer), error);
          // A close with octets unread would reset the connection and take the answer with it.
          socket.shutdown(tcp::socket::shutdown_send, error);
          std::string rest;
          boost::asio::read(socket, boost::asio::dynamic_buffer(rest), error);
        }) {}

  ~OneAnswer() { thread_.join(); }

  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  [[nodiscard]] std::string_view header() const { return {header_.data(), header_.size()}; }

 private:
  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::array<char, 8> header_{};
  std::thread thread_;
};

/// A port that nothing listens on: it was free just now.
std::uint16_t closed_port() {
  boost::asio::io_context context;
  return tcp::acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0))
      .local_endpoint()
      .port();
}

Configuration node_on(std::uint16_t port) {
  Configuration configuration;
  configuration.node_name = "rabbit@host";
  configuration.cluster_name = "rabbit@host";
  configuration.amqp_listeners = {{"default", "0.0.0.0", port, true}};
  configuration.management_listener.reset();
  configuration.prometheus_listener.reset();
  return configuration;
}

struct Answer {
  int code;
  std::string out;
  std::string error;
};

Answer run(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::ostringstream out;
  std::ostringstream error;
  const int code = run_rabbitmq_tool(arguments, node_on(port), out, error);
  return {code, out.str(), error.str()};
}

TEST(HealthClient, IsKnownByTheNamesOfRabbitMqsTools) {
  EXPECT_TRUE(is_rabbitmq_tool("rabbitmqctl"));
  EXPECT_TRUE(is_rabbitmq_tool("/usr/local/bin/rabbitmq-diagnostics"));
  EXPECT_FALSE(is_rabbitmq_tool("rabbitmq-server"));
  EXPECT_FALSE(is_rabbitmq_tool("build/release/broker/lepus"));
}

TEST(HealthClient, PingSucceedsWhenTheBrokerStartsAConnection) {
  const OneAnswer broker(start_frame);
  const auto answer = run({"-q", "ping"}, broker.port());
  EXPECT_EQ(answer.code, 0) << answer.error;
  EXPECT_EQ(answer.out, "Ping succeeded\n");
  EXPECT_EQ(broker.header(), std::string_view("AMQP\0\0\x09\x01", 8));
}

TEST(HealthClient, CheckRunningSaysWhichNodeRuns) {
  const OneAnswer broker(start_frame);
  const auto answer = run({"check_running"}, broker.port());
  EXPECT_EQ(answer.code, 0) << answer.error;
  EXPECT_THAT(answer.out, HasSubstr("RabbitMQ on node rabbit@host is fully booted and running"));
}

TEST(HealthClient, SomethingElseOnThePortIsNotABroker) {
  const OneAnswer other("HTTP/1.1 400 Bad Request\r\n");
  const auto answer = run({"-q", "check_running"}, other.port());
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.error, HasSubstr("is not running"));
}

TEST(HealthClient, HangUpInTheMiddleOfTheFrameIsAFailure) {
  const OneAnswer other(start_frame.substr(0, 9));
  EXPECT_EQ(run({"ping"}, other.port()).code, 1);
}

TEST(HealthClient, ClosedPortFailsEveryCheck) {
  const auto port = closed_port();
  for (const auto* command : {"ping", "check_running", "check_port_connectivity", "status"}) {
    SCOPED_TRACE(command);
    const auto answer = run({"-q", command}, port);
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.error, StartsWith("Error"));
  }
}

TEST(HealthClient, PortConnectivityNamesTheOpenPorts) {
  const OneAnswer broker(start_frame);
  const auto answer = run({"-q", "check_port_connectivity"}, broker.port());
  EXPECT_EQ(answer.code, 0) << answer.error;
  EXPECT_THAT(answer.out, HasSubstr(std::to_string(broker.port()) + " on node rabbit@host"));
}

TEST(HealthClient, AlarmsAndVhostsAreAskedOfTheManagementApi) {
  const auto ask = [](const char* command, std::string_view answer) {
    const OneAnswer management(answer);
    Configuration configuration = node_on(1);
    configuration.management_listener = Listener{"default", "0.0.0.0", management.port(), true};
    std::ostringstream out;
    std::ostringstream error;
    const int code = run_rabbitmq_tool({"-q", command}, configuration, out, error);
    return Answer{code, out.str(), error.str()};
  };
  const auto well = ask("check_local_alarms", "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}");
  EXPECT_EQ(well.code, 0) << well.error;
  EXPECT_EQ(well.out, "Node rabbit@host reported no local alarms\n");
  const auto alarm = ask("check_local_alarms", "HTTP/1.1 503 No\r\n\r\n{\"alarms\":[\"disk\"]}");
  EXPECT_EQ(alarm.code, 1);
  EXPECT_THAT(alarm.error, HasSubstr("disk"));
  EXPECT_EQ(ask("check_virtual_hosts", "HTTP/1.1 200 OK\r\n\r\n").code, 0);
  EXPECT_THAT(ask("check_virtual_hosts", "HTTP/1.1 401 No\r\n\r\n").error,
              HasSubstr("refused default_user 'guest'"));
  EXPECT_EQ(ask("check_virtual_hosts", "nonsense").code, 1);
  EXPECT_THAT(run({"check_virtual_hosts"}, 1).error, HasSubstr("which is off"));
}

TEST(HealthClient, AwaitStartupGivesUpAfterItsTime) {
  const auto answer = run({"await_startup", "--timeout", "1"}, closed_port());
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.error, HasSubstr("timed out"));
}

TEST(HealthClient, AwaitStartupEndsWhenTheBrokerAnswers) {
  const OneAnswer broker(start_frame);
  EXPECT_EQ(run({"await_startup", "-n", "rabbit@host"}, broker.port()).code, 0);
}

TEST(HealthClient, NonsenseIsAUsageError) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                     {"list_queues"},
                                                                     {"ping", "ping"},
                                                                     {"ping", "--nonsense", "1"},
                                                                     {"ping", "-t", "x"}}) {
    const auto answer = run(arguments, 1);
    EXPECT_EQ(answer.code, 64);
    EXPECT_NE(answer.error, "");
  }
}

}  // namespace
}  // namespace lepus
