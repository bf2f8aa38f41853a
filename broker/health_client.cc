#include "broker/health_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <ostream>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "broker/configuration_values.h"
#include "broker/model/names.h"

namespace lepus {

namespace {

using Tcp = boost::asio::ip::tcp;
using std::chrono::milliseconds;

constexpr int exit_well = 0;
constexpr int exit_unwell = 1;
constexpr int exit_usage = 64;

/// How long one connection may take.
constexpr milliseconds attempt_ms{5000};
constexpr milliseconds startup_poll_ms{200};

struct Port {
  const Listener* listener;
  std::string_view protocol;
  std::string_view purpose;
};

struct Request {
  std::string command;
  bool quiet = false;
  std::optional<milliseconds> timeout;
};

std::vector<Port> ports(const Configuration& configuration) {
  std::vector<Port> all;
  all.reserve(configuration.amqp_listeners.size() + configuration.amqp_tls_listeners.size() + 3);
  for (const auto& listener : configuration.amqp_listeners) {
    all.push_back({&listener, "amqp", "AMQP 0-9-1"});
  }
  for (const auto& listener : configuration.amqp_tls_listeners) {
    all.push_back({&listener, "amqp/ssl", "AMQP 0-9-1 over TLS"});
  }
  if (configuration.management_listener) {
    all.push_back({&*configuration.management_listener, "http", "HTTP API"});
  }
  if (configuration.management_tls_listener) {
    all.push_back({&*configuration.management_tls_listener, "https", "HTTP API over TLS"});
  }
  if (configuration.prometheus_listener) {
    all.push_back({&*configuration.prometheus_listener, "http/prometheus", "Prometheus"});
  }
  return all;
}

/// A connection to a listener of this machine; false in a condition if there is none.
Tcp::iostream connect(const Listener& listener, milliseconds timeout) {
  std::string address = listener.address;
  if (address == "0.0.0.0") {
    address = "127.0.0.1";
  } else if (address == "::") {
    address = "::1";
  }
  Tcp::iostream stream;
  stream.expires_after(timeout);
  stream.connect(address, std::to_string(listener.port));
  return stream;
}

bool accepts_connections(const Listener& listener, milliseconds timeout) {
  return static_cast<bool>(connect(listener, timeout));
}

/// Sends the protocol header and waits for the broker's first frame, connection.start: a method
/// frame (type 1) on channel 0 with class 10, method 10.
bool speaks_amqp(const Listener& listener, milliseconds timeout) {
  constexpr std::string_view header("AMQP\0\0\x09\x01", 8);
  auto stream = connect(listener, timeout);
  stream.write(header.data(), header.size());
  stream.flush();
  std::array<char, 11> frame{};
  stream.read(frame.data(), frame.size());
  constexpr std::string_view start_type_and_channel("\x01\0\0", 3);
  constexpr std::string_view start_method("\0\x0a\0\x0a", 4);
  const std::string_view received(frame.data(), frame.size());
  return stream && received.starts_with(start_type_and_channel) && received.ends_with(start_method);
}

/// Whether the broker serves AMQP clients; without a plain listener, whether its TLS port is open.
bool serves(const Configuration& configuration, milliseconds timeout) {
  if (!configuration.amqp_listeners.empty()) {
    return speaks_amqp(configuration.amqp_listeners.front(), timeout);
  }
  return !configuration.amqp_tls_listeners.empty() &&
         accepts_connections(configuration.amqp_tls_listeners.front(), timeout);
}

int ping(const Request& request, const Configuration& configuration, std::ostream& out,
         std::ostream& error) {
  const auto timeout = request.timeout.value_or(attempt_ms);
  if (!request.quiet) {
    out << fmt::format(
        "Will ping {}. This only checks if the node answers on its AMQP port. "
        "Timeout: {} ms.\n",
        configuration.node_name, timeout.count());
  }
  if (serves(configuration, timeout)) {
    out << "Ping succeeded\n";
    return exit_well;
  }
  error << fmt::format("Error:\nFailed to connect and authenticate to {} in {} ms\n",
                       configuration.node_name, timeout.count());
  return exit_unwell;
}

int check_running(const Request& request, const Configuration& configuration, std::ostream& out,
                  std::ostream& error) {
  const auto& node = configuration.node_name;
  if (!request.quiet) {
    out << fmt::format("Checking if RabbitMQ is running on node {} ...\n", node);
  }
  if (serves(configuration, request.timeout.value_or(attempt_ms))) {
    out << fmt::format("RabbitMQ on node {} is fully booted and running\n", node);
    return exit_well;
  }
  error << fmt::format("Error:\nRabbitMQ on node {} is not running or has not fully booted yet\n",
                       node);
  return exit_unwell;
}

int check_port_connectivity(const Request& request, const Configuration& configuration,
                            std::ostream& out, std::ostream& error) {
  const auto& node = configuration.node_name;
  if (!request.quiet) {
    out << fmt::format("Testing TCP connections to all active listeners on node {} ...\n", node);
  }
  std::vector<std::uint16_t> open;
  std::string closed;
  for (const auto& port : ports(configuration)) {
    if (accepts_connections(*port.listener, request.timeout.value_or(attempt_ms))) {
      open.push_back(port.listener->port);
    } else if (port.listener->required || port.protocol == "amqp") {
      // A port that nobody asked for may be off because it was taken.
      closed +=
          fmt::format("\nInterface: {}, port: {}, protocol: {}, purpose: {}",
                      port.listener->address, port.listener->port, port.protocol, port.purpose);
    }
  }
  if (!closed.empty() || open.empty()) {
    error << fmt::format(
        "Error:\nConnection to ports of the following listeners on node {} failed: {}\n", node,
        closed);
    return exit_unwell;
  }
  std::sort(open.begin(), open.end());
  out << fmt::format(
      "Successfully connected to ports {} on node {} (using node hostname resolution)\n",
      fmt::join(open, ", "), node);
  return exit_well;
}

struct HttpAnswer {
  int status = 0;  ///< 0: there was none
  std::string body;
};

/// Asks the management API as the default user, whose rights these checks do not need.
HttpAnswer ask_management(const Configuration& configuration, std::string_view path,
                          milliseconds timeout) {
  auto stream = connect(*configuration.management_listener, timeout);
  stream << "GET /api/" << path << " HTTP/1.0\r\nAuthorization: Basic "
         << model::base64_encode(configuration.default_user + ':' + configuration.default_password)
         << "\r\n\r\n"
         << std::flush;
  HttpAnswer answer;
  std::string version;
  if (!(stream >> version >> answer.status)) {
    return {};
  }
  const std::string rest{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const auto body = rest.find("\r\n\r\n");
  answer.body = body == std::string::npos ? "" : rest.substr(body + 4);
  return answer;
}

/// A health check of the API, with what is said of a node that is well and of one that isn't.
int check_by_api(const Request& request, const Configuration& configuration, std::string_view check,
                 std::string_view well, std::string_view unwell, std::ostream& out,
                 std::ostream& error) {
  const auto& node = configuration.node_name;
  if (!configuration.management_listener) {
    error << fmt::format("Error:\n{} asks the management API, which is off\n", request.command);
    return exit_unwell;
  }
  const HttpAnswer answer = ask_management(configuration, fmt::format("health/checks/{}", check),
                                           request.timeout.value_or(attempt_ms));
  switch (answer.status) {
    case 200:
      out << fmt::format("Node {} reported {}\n", node, well);
      return exit_well;
    case 503:
      error << fmt::format("Error:\nNode {} reported {}: {}\n", node, unwell, answer.body);
      return exit_unwell;
    case 401:
      error << fmt::format(
          "Error:\nthe management API of node {} refused default_user '{}' with default_pass, as "
          "whom this asks\n",
          node, configuration.default_user);
      return exit_unwell;
    default:
      error << fmt::format("Error:\nthe management API of node {} did not answer on port {}\n",
                           node, configuration.management_listener->port);
      return exit_unwell;
  }
}

int check_local_alarms(const Request& request, const Configuration& configuration,
                       std::ostream& out, std::ostream& error) {
  return check_by_api(request, configuration, "local-alarms", "no local alarms",
                      "the following local alarms", out, error);
}

int check_virtual_hosts(const Request& request, const Configuration& configuration,
                        std::ostream& out, std::ostream& error) {
  return check_by_api(request, configuration, "virtual-hosts", "all vhosts as running",
                      "the following vhosts as stopped", out, error);
}

int await_startup(const Request& request, const Configuration& configuration, std::ostream&,
                  std::ostream& error) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + request.timeout.value_or(milliseconds{300'000});
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (serves(configuration, std::clamp(left, startup_poll_ms, attempt_ms))) {
      return exit_well;
    }
    if (Clock::now() + startup_poll_ms >= deadline) {
      break;
    }
    std::this_thread::sleep_for(startup_poll_ms);
  }
  error << fmt::format("Error:\noperation await_startup on node {} timed out\n",
                       configuration.node_name);
  return exit_unwell;
}

int listeners(const Request& request, const Configuration& configuration, std::ostream& out,
              std::ostream&) {
  if (!request.quiet) {
    out << fmt::format("Asking node {} to report its protocol listeners ...\n",
                       configuration.node_name);
  }
  for (const auto& port : ports(configuration)) {
    if (accepts_connections(*port.listener, attempt_ms)) {
      out << fmt::format("Interface: {}, port: {}, protocol: {}, purpose: {}\n",
                         port.listener->address, port.listener->port, port.protocol, port.purpose);
    }
  }
  return exit_well;
}

int status(const Request& request, const Configuration& configuration, std::ostream& out,
           std::ostream& error) {
  const auto& node = configuration.node_name;
  if (!request.quiet) {
    out << fmt::format("Status of node {} ...\n", node);
  }
  if (!serves(configuration, request.timeout.value_or(attempt_ms))) {
    error << fmt::format(
        "Error: unable to perform an operation on node '{}'. Its AMQP port does "
        "not answer.\n",
        node);
    return exit_unwell;
  }
  out << fmt::format(
      "Runtime\n\nNode name: {}\nCluster name: {}\nRabbitMQ version: 3.13.7\n"
      "Product: Lepus {}\n\nListeners\n\n",
      node, configuration.cluster_name, LEPUS_VERSION);
  return listeners({.command = "listeners", .quiet = true}, configuration, out, error);
}

int version(const Request&, const Configuration&, std::ostream& out, std::ostream&) {
  out << "3.13.7\n";
  return exit_well;
}

using Command = int (*)(const Request&, const Configuration&, std::ostream&, std::ostream&);

constexpr auto commands = std::to_array<std::pair<std::string_view, Command>>({
    {"ping", ping},
    {"check_running", check_running},
    {"check_port_connectivity", check_port_connectivity},
    {"check_local_alarms", check_local_alarms},
    {"check_virtual_hosts", check_virtual_hosts},
    {"await_startup", await_startup},
    {"status", status},
    {"listeners", listeners},
    {"server_version", version},
    {"version", version},
});

/// The command and its options; nothing if the arguments make no sense, which is said on `error`.
std::optional<Request> parse_request(const std::vector<std::string>& arguments,
                                     std::ostream& error) {
  Request request;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string option = arguments[i];
    if (option == "-q" || option == "--quiet" || option == "-s" || option == "--silent") {
      request.quiet = true;
      continue;
    }
    if (!option.starts_with('-')) {
      if (!request.command.empty()) {
        error << fmt::format("Error (argument validation): unexpected argument {}\n", option);
        return {};
      }
      request.command = option;
      continue;
    }
    std::string value;
    if (const auto equals = option.find('='); equals != std::string::npos) {
      value = option.substr(equals + 1);
      option.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    const auto seconds = configuration::parse_integer(value, 1, 86'400);
    if ((option == "-t" || option == "--timeout") && (seconds || value == "infinity")) {
      request.timeout = std::chrono::seconds(seconds ? *seconds : 86'400);
    } else if (option != "-n" && option != "--node") {
      error << fmt::format("Error (argument validation): Invalid options for this command: {}\n",
                           arguments[i]);
      return {};
    }
  }
  return request;
}

}  // namespace

bool is_rabbitmq_tool(const std::string& program) {
  const auto slash = program.rfind('/');
  const auto name = slash == std::string::npos ? program : program.substr(slash + 1);
  return name == "rabbitmqctl" || name == "rabbitmq-diagnostics";
}

int run_rabbitmq_tool(const std::vector<std::string>& arguments, const Configuration& configuration,
                      std::ostream& out, std::ostream& error) {
  const auto request = parse_request(arguments, error);
  if (!request) {
    return exit_usage;
  }
  for (const auto& [name, command] : commands) {
    if (name == request->command) {
      return command(*request, configuration, out, error);
    }
  }
  error << fmt::format(
      "Command '{}' is not provided by Lepus. What needs a user's rights is in the management API "
      "(port {}).\nProvided: ",
      request->command,
      configuration.management_listener ? configuration.management_listener->port : 15672);
  for (const auto& [name, command] : commands) {
    error << name << (name == commands.back().first ? "\n" : ", ");
  }
  return exit_usage;
}

}  // namespace lepus
