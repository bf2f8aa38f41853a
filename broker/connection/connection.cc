#include "broker/connection/connection.h"

#include <algorithm>

#include "broker/base/assert.h"
#include "broker/connection/channel.h"
#include "broker/connection/handshake.h"
#include "broker/connection/shard_connections.h"

namespace lepus::connection {

namespace {

/// From this size on, memory for kept input is given back when it isn't needed.
constexpr std::size_t kept_capacity_max = 1024;
/// Deleted queues among a connection's exclusive ones are forgotten when there are so many.
constexpr std::size_t exclusive_queues_pruned_min = 64;

}  // namespace

Connection::Connection(model::ConnectionId id, ShardConnections& host, PeerDescription peer,
                       TransportSession* transport)
    : id_(id),
      host_(host),
      transport_(transport),
      peer_(std::move(peer)),
      output_(host.block_pool()),
      connected_at_ms_(host.clock().wall_ms()) {}

Connection::~Connection() {
  on_socket_closed();
}

const std::string& Connection::vhost() const {
  static const std::string none;
  return access_ ? access_->vhost() : none;
}

void Connection::set_tls(TlsDescription tls) {
  tls_ = std::make_unique<TlsDescription>(std::move(tls));
}

// ---- reading

bool Connection::is_paused() const {
  if (state_ != State::running) {
    return false;
  }
  return pending_.has_value() || blocked_ || (published_to_ & host_.congested_owners()) != 0 ||
         output_.size_bytes() > replies_waiting_bytes_max + 2 * output_.waiting_cost();
}

bool Connection::may_parse() const {
  if (input_refused_ || gone_ || socket_wish_ != SocketWish::keep) {
    return false;
  }
  switch (state_) {
    case State::awaiting_protocol_header:
    case State::awaiting_start_ok:
    case State::awaiting_tune_ok:
    case State::awaiting_open:
    case State::closing:
    case State::client_closing:
      return true;
    case State::running:
      return !is_paused();
    case State::refusing:
    case State::closed:
      return false;
  }
  return false;
}

bool Connection::wants_reading() const {
  if (state_ == State::closed && socket_wish_ == SocketWish::keep) {
    return true;  // To see the end of the stream.
  }
  // A frame that has begun may be larger than frame_max by a few octets, or, without one, by far.
  return may_parse() &&
         kept_.size() < std::max(receive_bytes_max + frame_max_bytes_, needed_bytes(kept_));
}

std::size_t Connection::needed_bytes(std::string_view input) const {
  return state_ == State::awaiting_protocol_header ? amqp::protocol_header.size()
                                                   : amqp::FrameParser::needed_bytes(input);
}

void Connection::receive(std::span<const char> bytes) {
  received_bytes_ += bytes.size();
  ++received_count_;
  host_.look_at_clock();
  std::string_view input{bytes.data(), bytes.size()};
  // What was kept is the beginning of a frame: it gets what it lacks, and the rest is parsed where
  // it lies.
  while (!kept_.empty() && !input.empty() && may_parse()) {
    const std::size_t needed = needed_bytes(kept_);
    const std::size_t missing = needed > kept_.size() ? needed - kept_.size() : 0;
    const std::size_t taken = std::min(missing, input.size());
    kept_.append(input.substr(0, taken));
    input.remove_prefix(taken);
    parse_kept();
  }
  if (kept_.empty() && may_parse()) {
    input.remove_prefix(parse(input));
  }
  if (!input.empty() && !input_refused_ && state_ != State::closed && state_ != State::refusing) {
    kept_.append(input);
  }
}

void Connection::parse_kept() {
  kept_.erase(0, parse(kept_));
  if (kept_.empty() && kept_.capacity() > kept_capacity_max) {
    kept_.shrink_to_fit();
  }
}

void Connection::resume() {
  if (!kept_.empty() && may_parse()) {
    parse_kept();
  }
  mark_dirty();  // The transport may read again.
}

std::size_t Connection::parse(std::string_view input) {
  const std::size_t size_bytes = input.size();
  amqp::Frame frame;
  while (may_parse()) {
    if (state_ == State::awaiting_protocol_header) [[unlikely]] {
      const std::size_t used = accept_protocol_header(input);
      input.remove_prefix(used);
      if (used == 0) {
        break;
      }
      continue;
    }
    const amqp::ParseStatus status = parser_.parse(input, frame);
    if (status == amqp::ParseStatus::frame) [[likely]] {
      input.remove_prefix(frame.wire_size_bytes());
      handle(frame);
      continue;
    }
    if (status == amqp::ParseStatus::error) {
      Handshake::refuse_input(*this, parser_.error(input));
      return size_bytes;
    }
    break;
  }
  return size_bytes - input.size();
}

std::size_t Connection::accept_protocol_header(std::string_view input) {
  switch (amqp::parse_protocol_header(input)) {
    case amqp::ProtocolHeaderStatus::need_more:
      return 0;
    case amqp::ProtocolHeaderStatus::accepted:
      Handshake::start(*this);
      return amqp::protocol_header.size();
    case amqp::ProtocolHeaderStatus::refused:
      output_.append(amqp::protocol_header);
      state_ = State::closed;
      socket_wish_ = SocketWish::close_after_output;
      mark_dirty();
      return amqp::protocol_header.size();
  }
  return 0;
}

void Connection::handle(const amqp::Frame& frame) {
  switch (state_) {
    case State::running:
      if (frame.channel.value != 0) [[likely]] {
        handle_on_channel(frame);
      } else if (frame.type == amqp::FrameType::method) {
        handle_connection_method(frame.payload);
      }
      return;
    case State::awaiting_start_ok:
    case State::awaiting_tune_ok:
    case State::awaiting_open:
      if (frame.type != amqp::FrameType::heartbeat) {
        Handshake::handle(*this, frame);
      }
      return;
    case State::closing:
    case State::client_closing:
      handle_closing(frame);
      return;
    case State::awaiting_protocol_header:
    case State::refusing:
    case State::closed:
      return;
  }
}

void Connection::handle_on_channel(const amqp::Frame& frame) {
  Channel* channel = find_channel(frame.channel.value);
  if (channel == nullptr) [[unlikely]] {
    open_channel(frame);
    return;
  }
  channel->handle(frame);
  if (channel->is_finished()) [[unlikely]] {
    remove_channel(frame.channel.value);
  }
}

// ---- writing

void Connection::send_frame(std::string_view frame) {
  output_.append(frame);
  mark_dirty();
}

void Connection::output_written(std::size_t bytes) {
  const bool was_paused = is_paused();
  sent_bytes_ += bytes;
  ++sent_count_;
  output_.consume(bytes);
  report_drained();
  if (was_paused && !is_paused()) {
    host_.mark_resumable(*this);
  }
}

/// The queues' shards may deliver as much again as has left.
void Connection::report_drained() {
  std::uint64_t cost = output_.take_drained_cost();
  while (cost != 0) {
    LEPUS_ASSERT(!delivered_.empty(), "every delivery in the output was noted with its owner");
    Delivered& first = delivered_.front();
    const std::uint64_t part = std::min(cost, first.cost);
    const model::ShardIndex owner = first.owner;
    cost -= part;
    first.cost -= part;
    if (first.cost == 0) {
      delivered_.pop_front();
    }
    if (!gone_) {
      host_.shard().send_to_owner(owner, model::OutputDrained{id_, part});
    }
  }
}

void Connection::add_to_dirty() {
  dirty_ = true;
  host_.mark_dirty(*this);
}

void Connection::end_turn() {
  for (const std::uint16_t number : std::exchange(confirming_channels_, {})) {
    if (Channel* channel = find_channel(number)) {
      channel->send_confirms();
    }
  }
}

void Connection::mark_confirms(std::uint16_t channel) {
  confirming_channels_.push_back(channel);
  mark_dirty();
}

// ---- waiting

PendingMethod& Connection::wait(PendingMethod pending) {
  LEPUS_ASSERT(!pending_, "while a method waits nothing more is read");
  pending.serial = next_serial_++;
  return pending_.emplace(std::move(pending));
}

PendingMethod* Connection::pending(const model::RequestId& request) {
  return pending_ && pending_->serial == request.serial &&
                 pending_->channel == request.channel.channel
             ? &*pending_
             : nullptr;
}

PendingMethod Connection::finish_pending() {
  LEPUS_ASSERT(pending_, "only what waits is finished");
  PendingMethod finished = std::move(*pending_);
  pending_.reset();
  if (!kept_.empty()) {
    host_.mark_resumable(*this);
  }
  mark_dirty();
  return finished;
}

void Connection::add_published_to(model::ShardIndex owner) {
  published_to_ |= std::uint64_t{1} << owner;
  host_.add_publisher(owner, *this);
}

bool Connection::charge_incomplete_body(std::uint64_t bytes) {
  if (incomplete_bodies_bytes_ != 0 &&
      incomplete_bodies_bytes_ + bytes > incomplete_bodies_bytes_max) {
    return false;
  }
  incomplete_bodies_bytes_ += bytes;
  return true;
}

void Connection::note_publish() {
  if (!host_.alarm() || blocked_ || state_ != State::running) [[likely]] {
    return;
  }
  blocked_ = true;
  if (connection_blocked_) {
    blocked_told_ = true;
    send(0, amqp::ConnectionBlocked{.reason = host_.alarm_reason()});
  }
  mark_dirty();
}

void Connection::alarm_changed() {
  if (host_.alarm() || !blocked_) {
    return;
  }
  blocked_ = false;
  if (std::exchange(blocked_told_, false) && state_ == State::running) {
    send(0, amqp::ConnectionUnblocked{});
  }
  host_.mark_resumable(*this);
}

// ---- channels

Channel* Connection::find_channel(std::uint16_t number) {
  if (last_channel_ != nullptr && last_channel_->number() == number) [[likely]] {
    return last_channel_;
  }
  const auto found = channels_.find(number);
  if (found == channels_.end()) {
    return nullptr;
  }
  return last_channel_ = found->second.get();
}

void Connection::remove_channel(std::uint16_t number) {
  if (last_channel_ != nullptr && last_channel_->number() == number) {
    last_channel_ = nullptr;
  }
  if (channels_.erase(number) != 0) {
    host_.counts().add_channels(user_, -1);
  }
}

void Connection::add_exclusive_queue(std::shared_ptr<model::QueueRecord> queue) {
  if (exclusive_queues_.size() >= exclusive_queues_pruned_min &&
      exclusive_queues_.size() == exclusive_queues_.capacity()) {
    std::erase_if(exclusive_queues_, [](const auto& each) { return each->deleted.load(); });
  }
  exclusive_queues_.push_back(std::move(queue));
}

bool Connection::client_can(std::string_view capability) const {
  const auto capabilities = amqp::FieldTableView{client_properties_}.find("capabilities");
  if (!capabilities || capabilities->type != 'F') {
    return false;
  }
  const auto value = amqp::FieldTableView{capabilities->bytes}.find(capability);
  return value && value->type == 't' && value->bytes != std::string_view{"\0", 1};
}

// ---- for management

model::ConnectionRow Connection::row() const {
  model::ConnectionRow row;
  row.id = id_;
  row.name = peer_.name();
  row.peer_host = peer_.peer_host;
  row.peer_port = peer_.peer_port;
  row.host = peer_.host;
  row.port = peer_.port;
  row.vhost = vhost();
  row.user = user_;
  const amqp::FieldTableView properties{client_properties_};
  if (const auto value = properties.find("connection_name")) {
    if (const auto name = value->as_string()) {
      row.user_provided_name = std::string{*name};
    }
  }
  row.state = state_name();
  row.auth_mechanism = mechanism_;
  row.connected_at_ms = connected_at_ms_;
  row.channels = static_cast<std::uint32_t>(channels_.size());
  row.channel_max = channel_max_;
  row.frame_max_bytes = frame_max_bytes_;
  row.heartbeat_s = heartbeat_s_;
  row.client_properties = properties.decode();
  row.tls = peer_.is_tls;
  if (tls_) {
    row.tls_protocol = tls_->protocol;
    row.tls_cipher = tls_->cipher;
    row.peer_certificate_subject = tls_->peer_certificate_subject;
    row.peer_certificate_issuer = tls_->peer_certificate_issuer;
    row.peer_certificate_validity = tls_->peer_certificate_validity;
  }
  row.received_bytes = received_bytes_;
  row.sent_bytes = sent_bytes_;
  row.received_count = received_count_;
  row.sent_count = sent_count_;
  row.output_bytes = output_.size_bytes();
  return row;
}

std::string_view Connection::state_name() const {
  switch (state_) {
    case State::awaiting_protocol_header:
    case State::awaiting_start_ok:
    case State::awaiting_tune_ok:
    case State::awaiting_open:
      return "starting";
    case State::running:
      if (blocked_) {
        return "blocked";
      }
      return (published_to_ & host_.congested_owners()) != 0 ? "flow" : "running";
    case State::refusing:
    case State::closing:
    case State::client_closing:
      return "closing";
    case State::closed:
      return "closed";
  }
  return "closed";
}

void Connection::append_rows(std::vector<model::ChannelRow>& rows) const {
  for (const auto& [number, channel] : channels_) {
    rows.push_back(channel->row());
  }
}

void Connection::append_rows(std::vector<model::ConsumerRow>& rows) const {
  for (const auto& [number, channel] : channels_) {
    channel->append_rows(rows);
  }
}

void Connection::add_counters(model::MessageCounters& total) const {
  for (const auto& [number, channel] : channels_) {
    total += channel->counters();
  }
}

}  // namespace lepus::connection
