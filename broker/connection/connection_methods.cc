#include <algorithm>

#include "amqp/methods/any_method.h"
#include "broker/connection/channel.h"
#include "broker/connection/connection.h"
#include "broker/connection/departure.h"
#include "broker/connection/handshake.h"
#include "broker/connection/shard_connections.h"

// Channel 0 of a connection that is open, opening channels, errors and every way to the end.

namespace lepus::connection {

namespace {

/// How long a connection that is refused without a frame, or whose input is broken, stays open.
constexpr std::int64_t refusal_ms = 3000;
/// How long close-ok is waited for at most.
constexpr std::int64_t close_timeout_ms_max = 30000;
/// How long a client that got close-ok has to close the socket itself: some take the end of the
/// stream for an error when it comes together with close-ok.
constexpr std::int64_t linger_ms = 250;
/// Frames of the in-process client cost nothing to cut, so they may be large.
constexpr std::uint32_t direct_frame_max_bytes = 131072;

}  // namespace

void Connection::handle_connection_method(std::string_view payload) {
  const std::string_view arguments = payload.substr(amqp::method_ids_bytes);
  switch (amqp::peek_method_key(payload)) {
    case amqp::method_key<amqp::ConnectionClose>: {
      amqp::ConnectionClose method;
      if (amqp::decode_arguments(arguments, method)) {
        handle_close();
        return;
      }
      break;
    }
    case amqp::method_key<amqp::ConnectionUpdateSecret>: {
      amqp::ConnectionUpdateSecret method;
      if (amqp::decode_arguments(arguments, method)) {
        send(0, amqp::ConnectionUpdateSecretOk{});
        return;
      }
      break;
    }
    default:  // A number from outside.
      break;
  }
  refuse_channel_zero_method(payload);
}

void Connection::refuse_channel_zero_method(std::string_view payload) {
  const auto method = amqp::decode_method(payload);
  if (method) {
    fail({amqp::ReplyCode::channel_error, "unexpected method in connection state running",
          amqp::peek_method_id(payload)});
  } else if (method.error().kind == amqp::DecodeError::Kind::undecodable_arguments) {
    fail({amqp::ReplyCode::internal_error, "", {}});
  } else {
    fail(method.error().to_protocol_error());
  }
}

void Connection::open_channel(const amqp::Frame& frame) {
  if (frame.type != amqp::FrameType::method) {
    fail({amqp::ReplyCode::unexpected_frame,
          "expected method frame, got non method frame instead",
          {}});
    return;
  }
  const amqp::MethodId id = amqp::peek_method_id(frame.payload);
  if (id != amqp::id_of_method<amqp::ChannelOpen>) {
    fail({amqp::ReplyCode::channel_error, "expected 'channel.open'", id});
    return;
  }
  if (channels_.size() >= channel_max_) {
    fail({amqp::ReplyCode::not_allowed,
          "number of channels opened (" + std::to_string(channels_.size()) +
              ") has reached the negotiated channel_max (" + std::to_string(channel_max_) + ")",
          {}});
    return;
  }
  const auto user = host_.topology().find_user(user_);
  if (user && user->limits.max_channels && *user->limits.max_channels >= 0 &&
      host_.counts().of_user(user_).channels >= *user->limits.max_channels) {
    fail({amqp::ReplyCode::not_allowed,
          "number of channels opened for user '" + user_ +
              "' has reached the maximum allowed user limit of (" +
              std::to_string(*user->limits.max_channels) + ")",
          {}});
    return;
  }
  const std::uint16_t number = frame.channel.value;
  channels_.emplace(number, std::make_unique<Channel>(*this, number, ++last_channel_serial_));
  host_.counts().add_channels(user_, 1);
  send(number, amqp::ChannelOpenOk{});
}

// ---- errors

// By value: the error may belong to a channel that is released here.
void Connection::fail(amqp::ProtocolError error) {  // NOLINT(performance-unnecessary-value-param)
  switch (state_) {
    case State::running:
    case State::awaiting_open:
      send_close(error);
      return;
    case State::awaiting_protocol_header:
    case State::awaiting_start_ok:
    case State::awaiting_tune_ok:
      refuse_silently();
      return;
    case State::refusing:
    case State::closing:
    case State::client_closing:
    case State::closed:
      return;
  }
}

void Connection::send_close(const amqp::ProtocolError& error) {
  const std::string text = error.text();
  state_ = State::closing;
  amqp::append_method_frame(held_close_, amqp::ChannelNumber{0},
                            amqp::ConnectionClose{.reply_code = amqp::to_number(error.code),
                                                  .reply_text = text,
                                                  .failing_class_id = error.method.class_id,
                                                  .failing_method_id = error.method.method_id});
  const std::int64_t heartbeat_ms = std::int64_t{heartbeat_s_} * 1000;
  schedule_deadline(input_refused_     ? refusal_ms
                    : heartbeat_ms > 0 ? std::min(heartbeat_ms, close_timeout_ms_max)
                                       : close_timeout_ms_max);
  leave_all_queues();
}

void Connection::close(amqp::ReplyCode code, std::string_view text) {
  switch (state_) {
    case State::running:
    case State::awaiting_open:
      send_close({code, std::string{text}, {}});
      return;
    case State::awaiting_protocol_header:
    case State::awaiting_start_ok:
    case State::awaiting_tune_ok:
      state_ = State::closed;
      socket_wish_ = SocketWish::close_after_output;
      mark_dirty();
      return;
    case State::refusing:
    case State::closing:
    case State::client_closing:
    case State::closed:
      return;
  }
}

void Connection::refuse_silently() {
  state_ = State::refusing;
  kept_ = {};
  schedule_deadline(refusal_ms);
}

// ---- the end

/// After connection.close from either side only close-ok counts, and a close is answered.
void Connection::handle_closing(const amqp::Frame& frame) {
  if (frame.channel.value != 0 || frame.type != amqp::FrameType::method) {
    return;
  }
  const std::uint32_t key = amqp::peek_method_key(frame.payload);
  if (key == amqp::method_key<amqp::ConnectionClose>) {
    send(0, amqp::ConnectionCloseOk{});
  } else if (key == amqp::method_key<amqp::ConnectionCloseOk> && state_ == State::closing) {
    state_ = State::closed;
    socket_wish_ = SocketWish::close_after_output;
    mark_dirty();
  }
}

void Connection::handle_close() {
  state_ = State::client_closing;
  leave_all_queues();
}

void Connection::leave_all_queues() {
  ++departures_expected_;  // Answers may come before the calls return.
  close_channels();
  delete_exclusive_queues();
  departed();
}

model::RequestId Connection::expect_departure() {
  ++departures_expected_;
  return {{id_, 0}, departure_serial};
}

void Connection::release(Channel& channel) {
  Departure departure;
  channel.release(departure);
  depart(departure);
}

void Connection::depart(Departure& departure) {
  for (Departure::Leaving& leaving : departure.take()) {
    leaving.queue.request = expect_departure();
    host_.shard().send_to_owner(leaving.owner, std::move(leaving.queue));
  }
}

void Connection::departed() {
  LEPUS_ASSERT(departures_expected_ > 0, "each is answered once");
  if (--departures_expected_ > 0) {
    return;
  }
  if (state_ == State::client_closing) {
    finish_client_close();
  } else if (!held_close_.empty()) {
    send_frame(std::exchange(held_close_, {}));
  } else if (pending_ && pending_->kind == PendingMethod::Kind::departure) {
    send_frame(pending_->reply);
    finish_pending();
  }
}

void Connection::release_and_send(Channel& channel, std::string frame) {
  ++departures_expected_;  // Answers may come before the call returns.
  release(channel);
  if (pending_) {
    send_frame(frame);  // An error beside another channel's method.
  } else {
    PendingMethod waiting;
    waiting.kind = PendingMethod::Kind::departure;
    waiting.channel = channel.number();
    waiting.reply = std::move(frame);
    wait(std::move(waiting));
  }
  departed();
}

void Connection::finish_client_close() {
  send(0, amqp::ConnectionCloseOk{});
  state_ = State::closed;
  schedule_deadline(linger_ms);
}

void Connection::close_channels() {
  pending_.reset();
  Departure departure;
  for (const auto& [number, channel] : channels_) {
    channel->release(departure);
  }
  depart(departure);
}

void Connection::delete_exclusive_queues() {
  std::vector<std::shared_ptr<model::QueueRecord>> queues = std::move(exclusive_queues_);
  exclusive_queues_.clear();
  std::erase_if(queues, [](const auto& queue) { return queue->deleted.load(); });
  for (const auto& queue : queues) {
    model::DeleteQueue deletion{.queue = queue};
    deletion.request = expect_departure();
    host_.shard().send_to_owner(queue->owner, std::move(deletion));
  }
}

void Connection::on_socket_closed() {
  if (gone_) {
    return;
  }
  gone_ = true;
  state_ = State::closed;
  close_channels();
  delete_exclusive_queues();
  kept_ = {};
  output_.clear();
  report_drained();
  if (access_) {
    host_.counts().add_channels(user_, -static_cast<std::int64_t>(channels_.size()));
    if (counted_) {
      host_.counts().add_connection(vhost(), user_, -1);
    }
  }
  last_channel_ = nullptr;
  channels_.clear();
  for (model::ShardIndex shard = 0; shard < host_.shard_count(); ++shard) {
    host_.shard().send_to_owner(shard, model::ConnectionGone{id_});
  }
}

// ---- time

void Connection::schedule_deadline(std::int64_t after_ms) {
  deadline_ms_ = host_.clock().steady_ms() + after_ms;
  host_.schedule(*this, deadline_ms_);
}

void Connection::start_handshake_timeout() {
  schedule_deadline(host_.settings().handshake_timeout_ms);
}

void Connection::enter_vhost(std::string_view vhost) {
  access_ = host_.topology().make_access(user_, vhost);
  tracing_ = host_.topology().tracing_of(vhost);
}

void Connection::open_directly(std::string user, std::string_view vhost) {
  user_ = std::move(user);
  enter_vhost(vhost);
  is_direct_ = true;
  frame_max_bytes_ = direct_frame_max_bytes;
  parser_.set_frame_max_bytes(frame_max_bytes_);
  channel_max_ = UINT16_MAX;
  consumer_cancel_notify_ = true;
  deadline_ms_ = never_ms;
  state_ = State::running;
}

void Connection::start_heartbeats() {
  if (heartbeat_s_ == 0) {
    return;
  }
  const std::int64_t now_ms = host_.clock().steady_ms();
  const std::int64_t heartbeat_ms = std::int64_t{heartbeat_s_} * 1000;
  next_send_check_ms_ = now_ms + heartbeat_ms / 2;
  next_receive_check_ms_ = now_ms + heartbeat_ms;
  host_.schedule(*this, next_send_check_ms_);
}

std::int64_t Connection::tick(std::int64_t now_ms) {
  if (now_ms >= deadline_ms_) {
    deadline_ms_ = never_ms;
    state_ = State::closed;
    socket_wish_ = SocketWish::close_now;
    mark_dirty();
    return never_ms;
  }
  check_heartbeats(now_ms);
  check_delivery_timeouts(now_ms);
  return std::min({deadline_ms_, next_send_check_ms_, next_receive_check_ms_, next_ack_check_ms_});
}

void Connection::check_heartbeats(std::int64_t now_ms) {
  const std::int64_t heartbeat_ms = std::int64_t{heartbeat_s_} * 1000;
  if (now_ms >= next_send_check_ms_) {
    next_send_check_ms_ = now_ms + heartbeat_ms / 2;
    if (sent_bytes_ == sent_at_check_ && output_.empty() && state_ != State::closed) {
      amqp::write_heartbeat(output_.reserve(amqp::heartbeat_frame_bytes));
      output_.commit(amqp::heartbeat_frame_bytes);
      mark_dirty();
    }
    // The frame itself counts as written: the next is due after as long again.
    sent_at_check_ = sent_bytes_ + (sent_bytes_ == sent_at_check_ ? output_.size_bytes() : 0);
  }
  if (now_ms < next_receive_check_ms_) {
    return;
  }
  next_receive_check_ms_ = now_ms + heartbeat_ms;
  // What isn't read can't be seen.
  const bool is_silent = received_bytes_ == received_at_check_ && wants_reading();
  received_at_check_ = received_bytes_;
  silent_checks_ = is_silent ? silent_checks_ + 1 : 0;
  if (silent_checks_ >= silent_checks_max) {
    state_ = State::closed;
    socket_wish_ = SocketWish::close_now;
    mark_dirty();
  }
}

}  // namespace lepus::connection
