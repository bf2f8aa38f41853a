#include "tests/benchmarks/client.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/field_table.h"
#include "amqp/frame_parser.h"
#include "amqp/methods/channel.h"
#include "amqp/methods/connection.h"

namespace lepus::benchmarks {

namespace {

constexpr std::uint32_t wanted_frame_max_bytes = 131072;
constexpr std::size_t read_bytes = 8192;

Error system_error(std::string_view what) {
  return fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<int> open_socket(const Target& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  const int status =
      getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &addresses);
  if (status != 0) {
    return fail(fmt::format("{}: {}", target.host, gai_strerror(status)));
  }
  int socket = -1;
  for (const addrinfo* address = addresses; address != nullptr && socket < 0;
       address = address->ai_next) {
    socket = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (socket >= 0 && ::connect(socket, address->ai_addr, address->ai_addrlen) != 0) {
      close(std::exchange(socket, -1));
    }
  }
  freeaddrinfo(addresses);
  if (socket < 0) {
    return system_error(fmt::format("connecting to {}:{}", target.host, target.port));
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

}  // namespace

std::string describe_close(std::string_view payload) {
  const std::string_view arguments = payload.substr(amqp::method_ids_bytes);
  const std::uint32_t key = amqp::peek_method_key(payload);
  if (key == amqp::method_key<amqp::ChannelClose>) {
    amqp::ChannelClose close;
    return amqp::decode_arguments(arguments, close)
               ? fmt::format("channel closed: {} {}", close.reply_code, close.reply_text)
               : "channel closed";
  }
  if (key == amqp::method_key<amqp::ConnectionClose>) {
    amqp::ConnectionClose close;
    return amqp::decode_arguments(arguments, close)
               ? fmt::format("connection closed: {} {}", close.reply_code, close.reply_text)
               : "connection closed";
  }
  return {};
}

Client::Client(Client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      frame_max_bytes_(other.frame_max_bytes_),
      input_(std::move(other.input_)),
      used_bytes_(std::exchange(other.used_bytes_, 0)) {}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(frame_max_bytes_, other.frame_max_bytes_);
  std::swap(input_, other.input_);
  std::swap(used_bytes_, other.used_bytes_);
  return *this;
}

Client::~Client() {
  if (socket_ >= 0) {
    close(socket_);
  }
}

Result<Client> Client::connect(const Target& target) {
  auto socket = open_socket(target);
  if (!socket) {
    return socket.error();
  }
  Client client{*socket};
  if (auto result = client.log_in(target); !result) {
    return fail("logging in: " + result.error().text);
  }
  return client;
}

Result<void> Client::log_in(const Target& target) {
  if (auto sent = send(amqp::protocol_header); !sent) {
    return sent;
  }
  if (auto start = wait_for<amqp::ConnectionStart>(); !start) {
    return start.error();
  }
  const std::string capabilities =
      amqp::FieldTable{{"product", "lepus-perf"},
                       {"capabilities", amqp::FieldTable{{"publisher_confirms", true},
                                                         {"basic.nack", true},
                                                         {"consumer_cancel_notify", true},
                                                         {"connection.blocked", true},
                                                         {"authentication_failure_close", true}}}}
          .encode();
  const std::string response = fmt::format("{0}{1}{0}{2}", '\0', target.user, target.password);
  auto tune =
      call<amqp::ConnectionTune>(0, amqp::ConnectionStartOk{.client_properties = {capabilities},
                                                            .mechanism = "PLAIN",
                                                            .response = {response},
                                                            .locale = "en_US"});
  if (!tune) {
    return tune.error();
  }
  frame_max_bytes_ = tune->frame_max == 0 ? wanted_frame_max_bytes
                                          : std::min(tune->frame_max, wanted_frame_max_bytes);
  std::string frames;
  amqp::append_method_frame(
      frames, amqp::ChannelNumber{0},
      amqp::ConnectionTuneOk{
          .channel_max = tune->channel_max, .frame_max = frame_max_bytes_, .heartbeat = 0});
  if (auto sent = send(frames); !sent) {
    return sent;
  }
  auto opened =
      call<amqp::ConnectionOpenOk>(0, amqp::ConnectionOpen{.virtual_host = target.virtual_host});
  if (!opened) {
    return opened.error();
  }
  return {};
}

Result<void> Client::open_channel(std::uint16_t channel) {
  auto opened = call<amqp::ChannelOpenOk>(channel, amqp::ChannelOpen{});
  if (!opened) {
    return opened.error();
  }
  return {};
}

int Client::release() {
  fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
  return std::exchange(socket_, -1);
}

void Client::forget_input() {
  std::string{}.swap(input_);
  used_bytes_ = 0;
}

void Client::shut_down() {
  shutdown(socket_, SHUT_RDWR);
}

Result<void> Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      return system_error("sending");
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::string_view> Client::wait_for_method(std::uint32_t method_key, std::string_view name) {
  const amqp::FrameParser parser{0};
  while (true) {
    const std::string_view rest = std::string_view{input_}.substr(used_bytes_);
    amqp::Frame frame;
    switch (parser.parse(rest, frame)) {
      case amqp::ParseStatus::frame: {
        used_bytes_ += frame.wire_size_bytes();
        if (frame.type != amqp::FrameType::method) {
          break;
        }
        if (amqp::peek_method_key(frame.payload) == method_key) {
          return frame.payload;
        }
        if (const std::string text = describe_close(frame.payload); !text.empty()) {
          return fail(fmt::format("waiting for {}: {}", name, text));
        }
        break;
      }
      case amqp::ParseStatus::need_more: {
        input_.erase(0, std::exchange(used_bytes_, 0));
        const std::size_t size_bytes = input_.size();
        input_.resize(size_bytes + read_bytes);
        const ssize_t count = recv(socket_, input_.data() + size_bytes, read_bytes, 0);
        input_.resize(size_bytes + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count <= 0) {
          return count == 0 ? fail(fmt::format("the broker hung up instead of {}", name))
                            : system_error(fmt::format("waiting for {}", name));
        }
        break;
      }
      case amqp::ParseStatus::error:
        return fail(fmt::format("no frame where {} should be", name));
    }
  }
}

}  // namespace lepus::benchmarks
