#include "broker/transport/byte_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace lepus::transport {

namespace {

/// More pieces than this go with the next call.
constexpr std::size_t pieces_max = 64;

StreamResult failure() {
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK;
  return {later ? StreamResult::Status::would_block : StreamResult::Status::failed, 0};
}

}  // namespace

StreamResult PlainStream::read(std::span<char> buffer) {
  ssize_t bytes = 0;
  do {
    bytes = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) {
    return failure();
  }
  if (bytes == 0) {
    return {StreamResult::Status::ended, 0};
  }
  return {StreamResult::Status::moved, static_cast<std::size_t>(bytes)};
}

StreamResult PlainStream::write(std::span<const std::span<const char>> pieces) {
  std::array<iovec, pieces_max> parts;
  const std::size_t count = std::min(pieces.size(), parts.size());
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = count;
  ssize_t bytes = 0;
  do {
    // Not writev: a broken connection is an error here, not a signal.
    bytes = ::sendmsg(socket_, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) {
    return failure();
  }
  return {StreamResult::Status::moved, static_cast<std::size_t>(bytes)};
}

void PlainStream::end_writing() {
  ::shutdown(socket_, SHUT_WR);
}

}  // namespace lepus::transport
