#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/frame_scanner.h"
#include "tests/benchmarks/histogram.h"
#include "tests/benchmarks/run_state.h"

namespace lepus::benchmarks {

/// What a worker's connections share.
struct WorkerContext {
  RunState& state;
  Counters counters;
  Histogram delivery_latency;
  Histogram confirm_latency;
  /// CPU time of the thread; valid after it has ended.
  std::int64_t cpu_ns = 0;
  /// For one read at a time; what it leaves over is kept by the connection.
  std::vector<char> read_buffer = std::vector<char>(262144);
};

/// A connection of a worker. Only the worker's thread calls it.
class Endpoint {
 public:
  /// Takes the socket, which is non-blocking.
  Endpoint(int socket, WorkerContext& context) : socket_(socket), context_(context) {}

  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  virtual ~Endpoint() { close(socket_); }

  [[nodiscard]] int socket() const { return socket_; }

  /// Notes what epoll said (edge-triggered).
  void on_events(std::uint32_t events) {
    readable_ = readable_ || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    writable_ = writable_ || (events & EPOLLOUT) != 0;
  }

  /// Does the work of the turn that began at this time, and returns when it wants the next turn if
  /// no event comes before: `turn_ns` for at once.
  virtual std::int64_t pump(std::int64_t turn_ns) = 0;

  /// Whether it is in the worker's list of those that want a turn at once.
  bool runnable = false;

 protected:
  /// One read at most, and the scan of what it brought.
  template <typename Handler>
  void read_frames(Handler& handler) {
    std::vector<char>& buffer = context_.read_buffer;
    if (buffer.size() < leftover_.size() + 65536) {
      buffer.resize(leftover_.size() + 262144);
    }
    std::memcpy(buffer.data(), leftover_.data(), leftover_.size());
    const std::size_t room = buffer.size() - leftover_.size();
    const ssize_t count = recv(socket_, buffer.data() + leftover_.size(), room, 0);
    received_ns_ = now_ns();
    if (count <= 0) {
      readable_ = false;
      if (count == 0) {
        context_.state.fail("the broker hung up");
      } else if (errno != EAGAIN && errno != EINTR) {
        context_.state.fail(fmt::format("reading: {}", std::strerror(errno)));
      }
      return;
    }
    // With edges, a short read means that the socket is empty.
    readable_ = static_cast<std::size_t>(count) == room;
    const std::size_t size_bytes = leftover_.size() + static_cast<std::size_t>(count);
    const std::size_t used = scanner_.scan(buffer.data(), size_bytes, handler);
    leftover_.assign(buffer.data() + used, size_bytes - used);
    if (scanner_.broken()) {
      context_.state.fail("the broker sent a frame without its end");
    }
  }

  /// Writes as much as the socket takes and returns how much that was.
  [[nodiscard]] std::size_t write_some(std::string_view bytes) {
    const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      writable_ = static_cast<std::size_t>(count) == bytes.size();
      return static_cast<std::size_t>(count);
    }
    writable_ = false;
    if (errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET) {
      context_.state.fail(fmt::format("writing: {}", std::strerror(errno)));
    }
    return 0;  // A broken connection is reported by the reading side, with the broker's reason.
  }

  int socket_;
  WorkerContext& context_;
  bool readable_ = true;
  bool writable_ = true;
  /// When the latest read brought its octets.
  std::int64_t received_ns_ = 0;

 private:
  FrameScanner scanner_;
  std::string leftover_;
};

}  // namespace lepus::benchmarks
