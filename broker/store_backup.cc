#include "broker/store_backup.h"

#include <chrono>
#include <cstdlib>
#include <iterator>
#include <ostream>
#include <string_view>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "broker/model/names.h"
#include "broker/store_check.h"
#include "storage/backup.h"
#include "storage/data_directory.h"

namespace lepus {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view scheme = "http://";
constexpr const char* default_url = "http://127.0.0.1:15672";
constexpr const char* default_port = "15672";

/// How long one answer may take; the backup itself goes on meanwhile.
constexpr std::chrono::seconds answer_limit{30};
constexpr std::chrono::milliseconds poll_interval{200};

struct Address {
  std::string host;
  std::string port;
  std::string prefix;  ///< of all paths; mostly empty
};

Result<Address> parse_url(std::string_view url) {
  if (!url.starts_with(scheme)) {
    return fail(fmt::format("'{}' is no URL that begins with {}", url, scheme));
  }
  url.remove_prefix(scheme.size());
  Address address;
  const std::size_t slash = std::min(url.find('/'), url.size());
  address.prefix = url.substr(slash);
  while (address.prefix.ends_with('/')) {
    address.prefix.pop_back();
  }
  const std::string_view authority = url.substr(0, slash);
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  address.host = authority.substr(0, has_port ? colon : authority.size());
  address.port = has_port ? std::string(authority.substr(colon + 1)) : default_port;
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

struct Answer {
  int status = 0;
  std::string body;
};

/// Where and as whom the broker is asked.
struct Broker {
  Address address;
  std::string authorization;
};

/// One request over a connection of its own.
Result<Answer> ask(const Broker& broker, std::string_view method, const std::string& body) {
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(answer_limit);
  stream.connect(broker.address.host, broker.address.port);
  if (!stream) {
    return fail(fmt::format("no broker answers at {}:{}: {}", broker.address.host,
                            broker.address.port, stream.error().message()));
  }
  stream << fmt::format(
                "{} {}/api/lepus/backup HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {}\r\n"
                "Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                method, broker.address.prefix, broker.address.host, broker.authorization,
                body.size())
         << body << std::flush;
  Answer answer;
  std::string version;
  stream >> version >> answer.status;
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line) && line != "\r") {
  }
  if (!stream || !version.starts_with("HTTP/")) {
    return fail("the broker's answer ended early; its log says more");
  }
  answer.body.assign(std::istreambuf_iterator<char>(stream), {});
  return answer;
}

/// The reason that an error of the management API gives.
std::string reason_of(const Answer& answer) {
  const json parsed = json::parse(answer.body, nullptr, false);
  if (parsed.is_object() && parsed.contains("reason")) {
    const json& reason = parsed["reason"];
    return reason.is_string() ? reason.get<std::string>() : reason.dump();
  }
  return fmt::format("status {}", answer.status);
}

/// What the broker says of its last backup.
struct State {
  std::string name;
  std::string reason;
};

/// An error if the broker refuses.
Result<State> state_after(const Broker& broker, std::string_view method, const std::string& body) {
  const auto answer = ask(broker, method, body);
  if (!answer) {
    return answer.error();
  }
  constexpr int success = 2;
  const json state = json::parse(answer->body, nullptr, false);
  if (answer->status / 100 != success || !state.is_object()) {
    return fail("the broker refuses: " + reason_of(*answer));
  }
  return State{state.value("state", ""), state.value("reason", "")};
}

Result<void> ask_broker(const BackupRequest& request, const fs::path& to) {
  const auto address = parse_url(request.url.empty() ? default_url : request.url);
  if (!address) {
    return address.error();
  }
  std::string password = request.password;
  if (password.empty()) {
    const char* const given = std::getenv("LEPUS_PASSWORD");
    password = given != nullptr ? given : "guest";
  }
  const std::string user = request.user.empty() ? "guest" : request.user;
  const Broker broker{*address, model::base64_encode(user + ":" + password)};
  auto state = state_after(broker, "POST", json{{"path", to.string()}}.dump());
  while (state && state->name == "running") {
    std::this_thread::sleep_for(poll_interval);
    state = state_after(broker, "GET", {});
  }
  if (!state) {
    return state.error();
  }
  return state->name == "done" ? Result<void>() : fail(state->reason);
}

int finish(const Result<void>& done, const fs::path& to, std::ostream& out, std::ostream& error) {
  if (!done) {
    error << "lepus: " << done.error().text << '\n';
    return tool_failed;
  }
  out << to.string() << " is a copy; start a broker on it with --data-dir\n";
  return tool_well;
}

}  // namespace

int backup_stopped_store(const fs::path& data_directory, const fs::path& to, std::ostream& out,
                         std::ostream& error) {
  const fs::path target = fs::absolute(to).lexically_normal();
  const auto directory = storage::DataDirectory::open_stopped(data_directory);
  return finish(directory ? storage::backup_stopped(directory->path(), target)
                          : Result<void>(directory.error()),
                target, out, error);
}

int backup_running_store(const BackupRequest& request, const fs::path& to, std::ostream& out,
                         std::ostream& error) {
  const fs::path target = fs::absolute(to).lexically_normal();
  return finish(ask_broker(request, target), target, out, error);
}

}  // namespace lepus
