#include "broker/transport/socket_session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "broker/transport/shard_thread.h"

namespace lepus::transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using connection::SocketWish;
using Status = StreamResult::Status;

SocketSession::SocketSession(ShardThread& shard, tcp::socket socket,
                             std::unique_ptr<ByteStream> stream)
    : shard_(shard), socket_(std::move(socket)), stream_(std::move(stream)) {}

SocketSession::~SocketSession() = default;

void SocketSession::start(connection::PeerDescription peer) {
  tls_to_describe_ = peer.is_tls;
  connection_ = &shard_.connections().accept(std::move(peer), this);
  wait_readable();
}

// ---- reading

void SocketSession::wait_readable() {
  if (read_waiting_) {
    return;
  }
  read_waiting_ = true;
  auto self = boost::intrusive_ptr<SocketSession>(this);
  if (stream_->has_buffered_input()) {
    asio::post(socket_.get_executor(), [self = std::move(self)] { self->on_readable(); });
    return;
  }
  socket_.async_wait(tcp::socket::wait_read, [self = std::move(self)](const auto& /*error*/) {
    // An error of the socket comes out when it is read.
    self->on_readable();
  });
}

void SocketSession::on_readable() {
  read_waiting_ = false;
  switch (state_) {
    case State::open:
      shard_.begin_turn();
      read_input();
      return;
    case State::lingering:
      shard_.begin_turn();
      discard_input();
      return;
    case State::closed:
      return;
  }
}

void SocketSession::read_input() {
  const std::span<char> buffer = shard_.read_buffer();
  std::size_t total_bytes = 0;
  while (total_bytes < read_bytes_per_turn_max && connection_->wants_reading()) {
    const StreamResult result = stream_->read(buffer);
    if (result.status == Status::ended || result.status == Status::failed) {
      close();
      return;
    }
    if (result.status == Status::would_block) {
      break;
    }
    if (tls_to_describe_) [[unlikely]] {
      tls_to_describe_ = false;
      connection_->set_tls(stream_->tls_description());
    }
    connection_->receive(buffer.first(result.bytes));
    total_bytes += result.bytes;
    if (result.bytes < buffer.size()) {
      break;  // The socket is empty: asking again would only say so.
    }
  }
  update_reading();
}

void SocketSession::discard_input() {
  const std::span<char> buffer = shard_.read_buffer();
  for (std::size_t total_bytes = 0; total_bytes < read_bytes_per_turn_max;) {
    const StreamResult result = stream_->read(buffer);
    if (result.status == Status::ended || result.status == Status::failed) {
      close();
      return;
    }
    if (result.status == Status::would_block) {
      break;
    }
    total_bytes += result.bytes;
  }
  wait_readable();
}

void SocketSession::update_reading() {
  if (connection_->wants_reading()) {
    if (is_linked()) {
      unlink();
    }
    hung_up_ms_ = 0;
    wait_readable();
  } else {
    watch();
  }
}

// ---- writing

bool SocketSession::write_output() {
  connection::OutgoingBuffer& output = connection_->output();
  std::array<std::span<const char>, 64> pieces;
  std::size_t total_bytes = 0;
  while (!output.empty()) {
    if (total_bytes >= write_bytes_per_turn_max) {
      wait_writable();  // Others' turn. The queues fill the room that was made while this goes on.
      return true;
    }
    const std::size_t count = output.gather(pieces);
    std::size_t gathered_bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      gathered_bytes += pieces[i].size();
    }
    const StreamResult result = stream_->write(std::span(pieces).first(count));
    if (result.status == Status::failed || result.status == Status::ended) {
      return false;
    }
    if (result.status == Status::would_block) {
      wait_writable();
      return true;
    }
    total_bytes += result.bytes;
    connection_->output_written(result.bytes);
    if (result.bytes < gathered_bytes) {
      wait_writable();
      return true;
    }
  }
  return true;
}

void SocketSession::wait_writable() {
  write_waiting_ = true;
  auto self = boost::intrusive_ptr<SocketSession>(this);
  socket_.async_wait(tcp::socket::wait_write, [self = std::move(self)](const auto& /*error*/) {
    self->write_waiting_ = false;
    if (self->state_ == State::open) {
      self->shard_.begin_turn();
      self->connection_changed();
    }
  });
}

void SocketSession::connection_changed() {
  if (state_ != State::open || finishing_) {
    return;
  }
  if (!write_waiting_ && !write_output()) {
    broken_ = true;
    finish_later();
    return;
  }
  switch (connection_->socket_wish()) {
    case SocketWish::keep:
      update_reading();
      return;
    case SocketWish::close_after_output:
      if (connection_->output().empty()) {
        finish_later();
      } else {
        deadline_ms_ = shard_.clock().steady_ms() + last_output_ms;
        watch();
      }
      return;
    case SocketWish::close_now:
      finish_later();
      return;
  }
}

// ---- closing

void SocketSession::finish_later() {
  finishing_ = true;
  shard_.finish_later(*this);
}

void SocketSession::finish() {
  if (state_ != State::open) {
    return;
  }
  if (broken_ || connection_->socket_wish() != SocketWish::close_after_output) {
    close();
    return;
  }
  drop_connection();
  state_ = State::lingering;
  stream_->end_writing();
  deadline_ms_ = shard_.clock().steady_ms() + linger_ms;
  watch();
  wait_readable();
}

void SocketSession::close() {
  if (state_ == State::closed) {
    return;
  }
  const boost::intrusive_ptr<SocketSession> alive(this);
  drop_connection();
  state_ = State::closed;
  if (is_linked()) {
    unlink();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
  shard_.forget(*this);
}

void SocketSession::drop_connection() {
  if (connection_ == nullptr) {
    return;
  }
  shard_.begin_turn();
  connection_->on_socket_closed();
  shard_.connections().remove(*connection_);
  connection_ = nullptr;
}

// ---- watching

void SocketSession::watch() {
  if (!is_linked()) {
    shard_.watch(*this);
  }
}

void SocketSession::look(std::int64_t now_ms) {
  const bool late = deadline_ms_ != 0 && now_ms >= deadline_ms_;
  if (late || (!read_waiting_ && peer_hung_up(now_ms))) {
    shard_.begin_turn();
    close();
  }
}

bool SocketSession::peer_hung_up(std::int64_t now_ms) {
  pollfd entry{socket_.native_handle(), POLLRDHUP, 0};
  if (::poll(&entry, 1, 0) != 1) {
    hung_up_ms_ = 0;
    return false;
  }
  if ((entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
    return true;
  }
  // The client has ended its side. What it sent before is still to be read, when reading goes on:
  // it may hold acks and publishes.
  char octet = 0;
  if (::recv(entry.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
    return true;
  }
  if (hung_up_ms_ == 0) {
    hung_up_ms_ = now_ms;
  }
  return now_ms - hung_up_ms_ >= unread_hang_up_ms;
}

}  // namespace lepus::transport
