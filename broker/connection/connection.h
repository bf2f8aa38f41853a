#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "amqp/field_table.h"
#include "amqp/frame_parser.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/connection.h"
#include "amqp/protocol_error.h"
#include "broker/connection/connection_settings.h"
#include "broker/connection/outgoing_buffer.h"
#include "broker/connection/pending_method.h"
#include "broker/model/access.h"
#include "broker/model/ids.h"
#include "broker/model/operations.h"
#include "broker/model/statistics_rows.h"

namespace lepus::connection {

class Channel;
class Departure;
class ShardConnections;

/// Who moves a connection's bytes: a socket of the transport, or the in-process client. Told at the
/// end of a turn, once for however much has changed.
class TransportSession {
 public:
  virtual ~TransportSession() = default;

  /// Look at output(), wants_reading() and socket_wish(). Must not destroy the connection inside
  /// the call.
  virtual void connection_changed() = 0;
};

/// What the transport is to do with the socket.
enum class SocketWish {
  keep,
  close_after_output,  ///< write what output() holds, then close
  close_now,           ///< the peer is gone or silent: don't wait for the output
};

/// 501: a short string of the method is not UTF-8.
[[nodiscard]] inline amqp::ProtocolError malformed_text(amqp::MethodId method) {
  return {amqp::ReplyCode::frame_error, "Malformed UTF-8 in shortstr", method};
}

/// One AMQP connection: bytes in, bytes out. It parses frames, does the handshake and channel 0,
/// and passes the rest to its channels. Made by ShardConnections::accept() and freed by
/// ShardConnections::remove(); belongs to its shard's thread.
///
/// Reading: the transport calls receive() with what it read, at most receive_bytes_max at once, and
/// only while wants_reading(). All of it is taken; what can't be parsed yet (half a frame, or the
/// rest when a synchronous method waits for its answer) is kept here.
class Connection {
 public:
  static constexpr std::size_t receive_bytes_max = std::size_t{64} * 1024;
  /// Replies waiting to be written (not deliveries, whose queues count for themselves) above which
  /// it is not read.
  static constexpr std::size_t replies_waiting_bytes_max = std::size_t{4} * 1024 * 1024;

  enum class State {
    awaiting_protocol_header,
    awaiting_start_ok,
    awaiting_tune_ok,
    awaiting_open,
    running,
    refusing,        ///< nothing more is read; the socket is closed at the deadline without a frame
    closing,         ///< connection.close follows the departures, only close-ok counts
    client_closing,  ///< connection.close has come, close-ok follows the departures
    closed,  ///< nothing more is read or answered; the socket goes when the output is written
  };

  Connection(model::ConnectionId id, ShardConnections& host, PeerDescription peer,
             TransportSession* transport);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // ---- for the transport

  /// Takes what was read from the socket.
  void receive(std::span<const char> bytes);
  /// Whether the socket is to be read. Falls inside receive() only; rises at the end of a turn.
  [[nodiscard]] bool wants_reading() const;

  [[nodiscard]] OutgoingBuffer& output() { return output_; }

  /// The first `bytes` octets of output() were written: drops them.
  void output_written(std::size_t bytes);

  [[nodiscard]] SocketWish socket_wish() const { return socket_wish_; }

  /// The socket is closed, by whomever: gives everything back to the queues. Only remove() may
  /// follow.
  void on_socket_closed();

  [[nodiscard]] model::ConnectionId id() const { return id_; }

  [[nodiscard]] State state() const { return state_; }

  [[nodiscard]] const PeerDescription& peer() const { return peer_; }

  [[nodiscard]] const std::string& user() const { return user_; }

  [[nodiscard]] const std::string& vhost() const;
  void set_tls(TlsDescription tls);

  // ---- for ShardConnections

  /// Sends connection.close with class and method 0, as for 320 CONNECTION_FORCED.
  void close(amqp::ReplyCode code, std::string_view text);
  /// Does what is due by the clock. @return when to be called again, or never_ms.
  std::int64_t tick(std::int64_t now_ms);
  static constexpr std::int64_t never_ms = INT64_MAX;
  /// Goes on with what was kept while it was paused, if it may.
  void resume();
  /// Writes what is folded over a turn (confirms).
  void end_turn();
  /// The alarm's state changed: unblocks.
  void alarm_changed();
  [[nodiscard]] Channel* find_channel(std::uint16_t number);
  /// Skips the handshake: for the in-process client.
  void open_directly(std::string user, std::string_view vhost);

  [[nodiscard]] bool is_direct() const { return is_direct_; }

  void start_handshake_timeout();
  [[nodiscard]] model::ConnectionRow row() const;

  void append_rows(std::vector<model::ConnectionRow>& rows) const { rows.push_back(row()); }

  void append_rows(std::vector<model::ChannelRow>& rows) const;
  void append_rows(std::vector<model::ConsumerRow>& rows) const;
  void add_counters(model::MessageCounters& total) const;

  void set_transport(TransportSession* transport) { transport_ = transport; }

  [[nodiscard]] TransportSession* transport() const { return transport_; }

  // ---- departures: queues that a closed channel has left, and exclusive queues of a closed
  // connection. Who reads that it was closed finds the auto-delete and exclusive queues gone.

  /// The answers' serial.
  static constexpr std::uint64_t departure_serial = UINT64_MAX;
  void departed();
  /// The channel leaves its queues.
  void release(Channel& channel);
  /// The frame follows the channel's departures; until then nothing is read.
  void release_and_send(Channel& channel, std::string frame);

  // ---- for channels and the handshake

  [[nodiscard]] ShardConnections& host() { return host_; }

  [[nodiscard]] const model::Access& access() const { return *access_; }

  /// What is published and delivered is copied to the vhost's trace exchange.
  [[nodiscard]] bool is_traced() const { return tracing_->load(std::memory_order_relaxed); }

  [[nodiscard]] std::uint32_t frame_max_bytes() const { return frame_max_bytes_; }

  /// Appends the method to the output.
  template <typename Method>
  void send(std::uint16_t channel, const Method& method) {
    const std::size_t payload_bytes = amqp::encoded_size(method);
    const std::size_t frame_bytes = payload_bytes + amqp::frame_overhead_bytes;
    amqp::write_method_frame(output_.reserve(frame_bytes), amqp::ChannelNumber{channel}, method,
                             payload_bytes);
    output_.commit(frame_bytes);
    mark_dirty();
  }

  /// A hard error: connection.close, after which only close-ok counts.
  void fail(amqp::ProtocolError error);
  /// A method waits for an answer: the connection is not read until it is there.
  PendingMethod& wait(PendingMethod pending);

  [[nodiscard]] PendingMethod* pending() { return pending_ ? &*pending_ : nullptr; }

  /// The pending method with that serial; null if the answer is late.
  [[nodiscard]] PendingMethod* pending(const model::RequestId& request);
  /// The pending method is answered.
  PendingMethod finish_pending();
  /// Appends a whole frame (or nothing) to the output.
  void send_frame(std::string_view frame);

  /// A delivery of that owner's queue was appended to the output.
  void note_delivery(model::ShardIndex owner, std::uint64_t cost) {
    output_.end_delivery(cost);
    if (delivered_.empty() || delivered_.back().owner != owner) {
      delivered_.push_back({owner, 0});
    }
    delivered_.back().cost += cost;
    mark_dirty();
  }

  /// A delivery that waits for its ack times out then.
  void note_ack_due(std::int64_t due_ms) {
    if (due_ms < next_ack_check_ms_) [[unlikely]] {
      schedule_ack_check(due_ms);
    }
  }

  /// A message was published to that owner: it may make the connection wait.
  void note_published_to(model::ShardIndex owner) {
    if (!has_published_to(owner)) [[unlikely]] {
      add_published_to(owner);
    }
  }

  /// Since that owner was congested last.
  [[nodiscard]] bool has_published_to(model::ShardIndex owner) const {
    return ((published_to_ >> owner) & 1U) != 0;
  }

  /// What bodies of publishes may announce together that have not come in full: memory that is
  /// taken at their headers. One alone may always come.
  static constexpr std::uint64_t incomplete_bodies_bytes_max = std::uint64_t{256} << 20U;
  /// @return false if it is too much.
  [[nodiscard]] bool charge_incomplete_body(std::uint64_t bytes);

  void discharge_incomplete_body(std::uint64_t bytes) { incomplete_bodies_bytes_ -= bytes; }

  /// A publish came: blocks under an alarm.
  void note_publish();
  void add_exclusive_queue(std::shared_ptr<model::QueueRecord> queue);
  /// The channel is done with (closed from either side): forgets it.
  void remove_channel(std::uint16_t number);
  /// The client's capability of that name.
  [[nodiscard]] bool client_can(std::string_view capability) const;

  [[nodiscard]] bool wants_cancel_notify() const { return consumer_cancel_notify_; }

  /// The transport is told at the end of the turn.
  void mark_dirty() {
    if (!dirty_) {
      add_to_dirty();
    }
  }

  /// The channel has confirms to write at the end of the turn.
  void mark_confirms(std::uint16_t channel);

 private:
  friend class Handshake;

  /// Deliveries of one owner in a row that are in the output.
  struct Delivered {
    model::ShardIndex owner = 0;
    std::uint64_t cost = 0;
  };

  void add_to_dirty();
  void add_published_to(model::ShardIndex owner);
  void report_drained();
  [[nodiscard]] bool is_paused() const;
  std::size_t parse(std::string_view input);
  void parse_kept();
  [[nodiscard]] bool may_parse() const;
  [[nodiscard]] std::size_t needed_bytes(std::string_view input) const;
  std::size_t accept_protocol_header(std::string_view input);
  void handle(const amqp::Frame& frame);
  void handle_on_channel(const amqp::Frame& frame);
  void handle_closing(const amqp::Frame& frame);
  void handle_connection_method(std::string_view payload);
  void refuse_channel_zero_method(std::string_view payload);
  void open_channel(const amqp::Frame& frame);
  void handle_close();
  void leave_all_queues();
  void finish_client_close();
  /// No frame; the socket is closed in a while (failed logins).
  void refuse_silently();
  void send_close(const amqp::ProtocolError& error);
  /// Its permissions and its tracing, from connection.open on.
  void enter_vhost(std::string_view vhost);
  void close_channels();
  void depart(Departure& departure);
  /// @return what a queue's owner is to answer.
  model::RequestId expect_departure();
  void delete_exclusive_queues();
  void schedule_deadline(std::int64_t after_ms);
  void start_heartbeats();
  void check_heartbeats(std::int64_t now_ms);
  void schedule_ack_check(std::int64_t due_ms);
  void check_delivery_timeouts(std::int64_t now_ms);
  [[nodiscard]] std::string_view state_name() const;

  const model::ConnectionId id_;
  ShardConnections& host_;
  TransportSession* transport_;
  const PeerDescription peer_;
  std::unique_ptr<TlsDescription> tls_;

  State state_ = State::awaiting_protocol_header;
  SocketWish socket_wish_ = SocketWish::keep;
  bool dirty_ = false;      ///< in the host's list
  bool resumable_ = false;  ///< in the host's list
  bool gone_ = false;       ///< on_socket_closed() was called
  bool counted_ = false;    ///< in ConnectionCounts
  bool is_direct_ = false;
  bool input_refused_ = false;  ///< a frame error: nothing more is read, not even close-ok

  amqp::FrameParser parser_;
  std::string kept_;  ///< half a frame, or more while paused
  OutgoingBuffer output_;
  std::deque<Delivered> delivered_;

  // Negotiated.
  std::uint32_t frame_max_bytes_ = amqp::frame_min_bytes;
  std::uint16_t channel_max_ = 0;
  std::uint16_t heartbeat_s_ = 0;
  bool consumer_cancel_notify_ = false;
  bool connection_blocked_ = false;  ///< the client knows connection.blocked
  std::string user_;
  std::string mechanism_;
  std::string client_properties_;  ///< an encoded table
  std::unique_ptr<model::Access> access_;
  std::shared_ptr<const std::atomic<bool>> tracing_;

  std::size_t departures_expected_ = 0;
  std::string held_close_;  ///< the frame of connection.close
  boost::unordered_flat_map<std::uint16_t, std::unique_ptr<Channel>> channels_;
  Channel* last_channel_ = nullptr;  ///< found last
  std::uint32_t last_channel_serial_ = 0;
  std::vector<std::uint16_t> confirming_channels_;
  std::vector<std::shared_ptr<model::QueueRecord>> exclusive_queues_;

  std::optional<PendingMethod> pending_;
  std::uint64_t next_serial_ = 1;

  std::uint64_t incomplete_bodies_bytes_ = 0;
  std::uint64_t published_to_ = 0;  ///< owners as bits
  bool blocked_ = false;            ///< it published under an alarm
  bool blocked_told_ = false;       ///< connection.blocked was sent

  // Time.
  std::int64_t connected_at_ms_ = 0;
  std::int64_t deadline_ms_ = never_ms;  ///< of the handshake, or of a close
  std::int64_t next_send_check_ms_ = never_ms;
  std::int64_t next_receive_check_ms_ = never_ms;
  std::int64_t next_ack_check_ms_ = never_ms;  ///< no later than a delivery times out
  std::int64_t scheduled_ms_ = never_ms;  ///< the entry of this connection in the host's timers
  std::uint64_t received_at_check_ = 0;
  std::uint64_t sent_at_check_ = 0;
  std::uint8_t silent_checks_ = 0;
  static constexpr std::uint8_t silent_checks_max = 2;

  std::uint64_t received_bytes_ = 0;
  std::uint64_t received_count_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t sent_count_ = 0;

  friend class ShardConnections;
};

}  // namespace lepus::connection
