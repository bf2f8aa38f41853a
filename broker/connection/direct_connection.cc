#include "broker/connection/direct_connection.h"

#include <array>
#include <utility>

#include "amqp/basic_properties.h"
#include "amqp/content_header.h"
#include "amqp/methods/any_method.h"
#include "broker/connection/shard_connections.h"

namespace lepus::connection {

namespace {

/// What close methods say, without the code's name in the text.
model::ProtocolError error_of(std::uint16_t code, std::string_view text) {
  const auto reply_code = static_cast<amqp::ReplyCode>(code);
  const std::string prefix = std::string{amqp::reply_name(reply_code)} + " - ";
  if (text.starts_with(prefix)) {
    text.remove_prefix(prefix.size());
  }
  return {reply_code, std::string{text}};
}

}  // namespace

model::Checked<std::unique_ptr<DirectConnection>> DirectConnection::open(ShardConnections& host,
                                                                         const std::string& user,
                                                                         const std::string& vhost) {
  if (auto error = host.topology().check_vhost_access(user, vhost)) {
    return *std::move(error);
  }
  Connection& connection = host.accept({.peer_host = "management"}, nullptr);
  connection.open_directly(user, vhost);
  std::unique_ptr<DirectConnection> client{new DirectConnection(host, connection)};
  client->open_channel();
  return client;
}

DirectConnection::DirectConnection(ShardConnections& host, Connection& connection)
    : host_(host), connection_(&connection) {
  connection.set_transport(this);
}

DirectConnection::~DirectConnection() {
  host_.remove(*connection_);
}

void DirectConnection::open_channel() {
  std::string frames;
  const amqp::ChannelNumber channel{channel_number};
  amqp::append_method_frame(frames, channel, amqp::ChannelOpen{});
  amqp::append_method_frame(frames, channel, amqp::ConfirmSelect{.no_wait = true});
  feed(frames);
}

void DirectConnection::publish(std::string_view exchange, std::string_view routing_key,
                               std::string_view properties, std::string_view body,
                               Handler handler) {
  std::string frames;
  amqp::append_content(
      frames, amqp::ChannelNumber{channel_number},
      amqp::BasicPublish{.exchange = exchange, .routing_key = routing_key, .mandatory = true},
      properties, body, connection_->frame_max_bytes());
  enqueue({std::move(frames), std::move(handler), true});
}

void DirectConnection::enqueue(Call call) {
  if (closed_) {
    // Perhaps nobody has heard yet why.
    if (call.handler) {
      call.handler({.error = closing_error_});
    }
    return;
  }
  calls_.push_back(std::move(call));
  run_next();
}

/// One at a time: an error closes the channel, and what had been sent behind it would be ignored.
void DirectConnection::run_next() {
  while (!running_ && !closed_ && !calls_.empty()) {
    const std::string frames = std::move(calls_.front().frames);
    if (calls_.front().is_answered) {
      running_ = true;
    } else {
      calls_.pop_front();
    }
    feed(frames);
  }
}

void DirectConnection::feed(std::string_view bytes) {
  // The connection takes as much as comes; only sockets are read in portions.
  connection_->receive({bytes.data(), bytes.size()});
}

void DirectConnection::connection_changed() {
  OutgoingBuffer& output = connection_->output();
  std::array<std::span<const char>, 16> pieces;
  while (const std::size_t count = output.gather(pieces)) {
    std::size_t bytes = 0;
    for (std::size_t index = 0; index < count; ++index) {
      input_.append(pieces[index].data(), pieces[index].size());
      bytes += pieces[index].size();
    }
    connection_->output_written(bytes);
  }
  const std::string input = std::exchange(input_, {});
  std::string_view rest = input;
  amqp::Frame frame;
  while (parser_.parse(rest, frame) == amqp::ParseStatus::frame) {
    rest.remove_prefix(frame.wire_size_bytes());
    handle(frame);
  }
  input_.insert(0, rest);
  if (connection_->socket_wish() != SocketWish::keep && !closed_) {
    close(amqp::to_number(amqp::ReplyCode::connection_forced), "CONNECTION_FORCED");
  }
  run_next();
}

void DirectConnection::handle(const amqp::Frame& frame) {
  switch (frame.type) {
    case amqp::FrameType::method:
      handle_method(frame.payload);
      return;
    case amqp::FrameType::header: {
      const auto header = amqp::decode_content_header(frame.payload);
      body_remaining_bytes_ = header ? header->body_size_bytes : 0;
      if (!in_return_ && header) {
        answer_.properties = std::string{header->property_bytes};
      }
      break;
    }
    case amqp::FrameType::body:
      body_remaining_bytes_ -= frame.payload.size();
      if (!in_return_) {
        answer_.body.append(frame.payload);
      }
      break;
    case amqp::FrameType::heartbeat:
      return;
  }
  if (body_remaining_bytes_ == 0 && !std::exchange(in_return_, false)) {
    finish();
  }
}

void DirectConnection::handle_method(std::string_view payload) {
  switch (amqp::peek_method_key(payload)) {
    case amqp::method_key<amqp::ChannelOpenOk>:
    case amqp::method_key<amqp::BasicCancel>:
      return;
    case amqp::method_key<amqp::BasicReturn>:
      answer_.returned = true;
      in_return_ = true;
      return;
    case amqp::method_key<amqp::BasicGetOk>:
      answer_.method = std::string{payload};
      return;  // Its content follows.
    case amqp::method_key<amqp::BasicNack>:
      answer_.refused = true;
      break;
    case amqp::method_key<amqp::ChannelClose>: {
      amqp::ChannelClose method;
      if (amqp::decode_arguments(payload.substr(amqp::method_ids_bytes), method)) {
        std::string close_ok;
        amqp::append_method_frame(close_ok, amqp::ChannelNumber{channel_number},
                                  amqp::ChannelCloseOk{});
        feed(close_ok);
        open_channel();
        fail(method.reply_code, method.reply_text);
      }
      return;
    }
    case amqp::method_key<amqp::ConnectionClose>: {
      amqp::ConnectionClose method;
      if (amqp::decode_arguments(payload.substr(amqp::method_ids_bytes), method)) {
        close(method.reply_code, method.reply_text);
      }
      return;
    }
    default:  // The answer, whichever it is.
      break;
  }
  answer_.method = std::string{payload};
  finish();
}

void DirectConnection::fail(std::uint16_t code, std::string_view text) {
  answer_ = {.error = error_of(code, text)};
  finish();
}

/// Answers all that waits.
void DirectConnection::close(std::uint16_t code, std::string_view text) {
  closed_ = true;
  closing_error_ = error_of(code, text);
  while (!calls_.empty()) {
    running_ = true;
    answer_ = {.error = closing_error_};
    finish();
  }
}

void DirectConnection::finish() {
  DirectAnswer answer = std::exchange(answer_, {});
  if (!std::exchange(running_, false)) {
    return;  // An error of a method that isn't answered.
  }
  const Call call = std::move(calls_.front());
  calls_.pop_front();
  if (call.handler) {
    call.handler(std::move(answer));
  }
}

}  // namespace lepus::connection
