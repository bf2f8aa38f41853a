#include "tests/benchmarks/limit.h"

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
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
