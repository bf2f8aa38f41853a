#include "tests/benchmarks/limit.h"

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/loopback.h"

namespace lepus::benchmarks {

namespace {

constexpr std::size_t chunk_bytes = 65536;

Error system_error(std::string_view what) {
  return fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

bool send_all(int socket, const char* data, std::size_t size_bytes) {
  while (size_bytes != 0) {
    const ssize_t count = send(socket, data, size_bytes, MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    data += count;
    size_bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

/// Sends back what comes until the end of the stream.
void bounce(int socket, std::size_t size_bytes) {
  std::vector<char> message(size_bytes);
  while (recv(socket, message.data(), message.size(), MSG_WAITALL) ==
             static_cast<ssize_t>(message.size()) &&
         send_all(socket, message.data(), message.size())) {
  }
}

/// Until either stream ends.
void relay_both_ways(int first, int second) {
  const Descriptor poll{epoll_create1(EPOLL_CLOEXEC)};
  for (const int socket : {first, second}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    epoll_ctl(poll.get(), EPOLL_CTL_ADD, socket, &event);
  }
  std::vector<char> buffer(chunk_bytes);
  epoll_event event{};
  while (epoll_wait(poll.get(), &event, 1, -1) == 1) {
    const int from = event.data.fd;
    const ssize_t count = recv(from, buffer.data(), buffer.size(), 0);
    if (count <= 0 ||
        !send_all(from == first ? second : first, buffer.data(), static_cast<std::size_t>(count))) {
      return;
    }
  }
}

void write_until(int socket, std::int64_t end_ns) {
  const std::vector<char> chunk(chunk_bytes, 'x');
  while (now_ns() < end_ns && send_all(socket, chunk.data(), chunk.size())) {
  }
  shutdown(socket, SHUT_WR);
}

void read_to_end(int socket) {
  std::vector<char> chunk(chunk_bytes);
  while (recv(socket, chunk.data(), chunk.size(), 0) > 0) {
  }
}

}  // namespace

Result<RelayResult> measure_relay(std::size_t read_bytes, double duration_s) {
  auto in = connect_loopback();
  auto out = connect_loopback();
  if (!in || !out) {
    return in ? out.error() : in.error();
  }
  const std::int64_t start_ns = now_ns();
  std::thread writer{write_until, in->first.get(), start_ns + to_ns(duration_s)};
  std::thread reader{read_to_end, out->second.get()};
  RelayResult result;
  std::vector<char> buffer(read_bytes);
  const std::int64_t cpu_start_ns = thread_cpu_ns();
  while (true) {
    const ssize_t count = recv(in->second.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0 || !send_all(out->first.get(), buffer.data(), static_cast<std::size_t>(count))) {
      break;
    }
    result.bytes += static_cast<std::uint64_t>(count);
  }
  result.cpu_ns = thread_cpu_ns() - cpu_start_ns;
  result.seconds = to_s(now_ns() - start_ns);
  shutdown(out->first.get(), SHUT_WR);
  writer.join();
  reader.join();
  return result;
}

Result<PingPongResult> measure_ping_pong(std::size_t size_bytes, double duration_s) {
  auto client = connect_loopback();
  auto server = connect_loopback();
  if (!client || !server) {
    return client ? server.error() : client.error();
  }
  std::thread answering{[&] { bounce(server->first.get(), size_bytes); }};
  std::thread relaying{[&] { relay_both_ways(client->second.get(), server->second.get()); }};
  PingPongResult result;
  std::vector<char> message(size_bytes, 'x');
  const std::int64_t start_ns = now_ns();
  const int socket = client->first.get();
  while (now_ns() - start_ns < to_ns(duration_s) &&
         send_all(socket, message.data(), message.size()) &&
         recv(socket, message.data(), message.size(), MSG_WAITALL) ==
             static_cast<ssize_t>(message.size())) {
    ++result.round_trips;
  }
  result.seconds = to_s(now_ns() - start_ns);
  shutdown(socket, SHUT_RDWR);
  relaying.join();
  shutdown(server->second.get(), SHUT_RDWR);
  answering.join();
  return result;
}

Result<FsyncResult> measure_fsync(const std::string& folder, std::size_t size_bytes,
                                  bool preallocate, double duration_s) {
  constexpr off_t preallocated_bytes = 64 << 20;
  std::string path = folder + "/lepus-perf-XXXXXX";
  const Descriptor file{mkostemp(path.data(), O_CLOEXEC)};
  if (file.get() < 0) {
    return system_error(path);
  }
  unlink(path.c_str());
  const std::vector<char> block(size_bytes, 'x');
  off_t position = 0;
  if (preallocate) {
    // Written, not only reserved: else each write would still change the file's metadata.
    for (; position < preallocated_bytes; position += static_cast<off_t>(size_bytes)) {
      if (pwrite(file.get(), block.data(), size_bytes, position) < 0) {
        return system_error("writing");
      }
    }
    position = 0;
    if (fsync(file.get()) != 0) {
      return system_error("fsync");
    }
  }
  FsyncResult result;
  const std::int64_t start_ns = now_ns();
  const std::int64_t cpu_start_ns = thread_cpu_ns();
  std::int64_t before_ns = start_ns;
  while (before_ns - start_ns < to_ns(duration_s)) {
    if (pwrite(file.get(), block.data(), size_bytes, position) < 0 || fdatasync(file.get()) != 0) {
      return system_error("writing");
    }
    position += static_cast<off_t>(size_bytes);
    if (preallocate && position >= preallocated_bytes) {
      position = 0;
    }
    const std::int64_t after_ns = now_ns();
    result.latency.record(after_ns - before_ns);
    before_ns = after_ns;
  }
  result.cpu_ns = thread_cpu_ns() - cpu_start_ns;
  result.seconds = to_s(before_ns - start_ns);
  return result;
}

}  // namespace lepus::benchmarks
