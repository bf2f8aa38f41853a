#include "tests/benchmarks/loopback.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace lepus::benchmarks {

namespace {

Error system_error(std::string_view what) {
  return fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<std::pair<Descriptor, Descriptor>> connect_loopback() {
  const Descriptor listener{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), generic, &size) != 0) {
    return system_error("listening");
  }
  Descriptor client{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (connect(client.get(), generic, size) != 0) {
    return system_error("connecting");
  }
  Descriptor server{accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (server.get() < 0) {
    return system_error("accepting");
  }
  return std::pair{std::move(client), std::move(server)};
}

}  // namespace lepus::benchmarks
