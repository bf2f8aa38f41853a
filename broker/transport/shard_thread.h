#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/connection/shard_connections.h"
#include "broker/model/connection_counts.h"
#include "broker/model/reply_consumers.h"
#include "broker/model/shard.h"
#include "broker/transport/mailboxes.h"
#include "broker/transport/socket_session.h"
#include "broker/transport/system_clock.h"

namespace lepus::transport {

/// What all shards of the broker share. All of it outlives them.
struct ShardThreadEnvironment {
  model::ShardIndex index = 0;
  std::uint32_t shard_count = 1;
  storage::Store* store = nullptr;
  storage::CutGate* cut_gate = nullptr;
  model::Topology* topology = nullptr;
  model::ReplyConsumers* reply_consumers = nullptr;
  model::ConnectionCounts* connection_counts = nullptr;
  const connection::ConnectionSettings* settings = nullptr;
  MailExchange* mail = nullptr;
};

/// A socket that a listener has accepted, and how its octets are to be read.
struct AcceptedSocket {
  boost::asio::ip::tcp::socket socket;
  std::unique_ptr<ByteStream> stream;
  bool is_tls = false;
};

/// One shard of the running broker: a thread, its event loop, the shard's queues and its
/// connections.
///
/// A turn: the handlers that are ready (sockets, mail, completions of the store, the tick) each
/// call begin_turn(); the first of them refreshes the clock and posts the end of the turn, which
/// runs behind them. There the batches are sealed, the mail is handed over and every connection
/// that changed is written with one call: the more was ready, the larger they get.
///
/// Methods run on the shard's thread unless they say otherwise.
class ShardThread {
 public:
  /// What has no timer of its own (commits that may wait, the wall clock) is looked at so often;
  /// timers that are due earlier bring the tick forward.
  static constexpr std::int64_t tick_interval_ms = 50;
  static constexpr std::int64_t look_interval_ms = 500;

  explicit ShardThread(const ShardThreadEnvironment& environment);
  /// Stops the thread if it still runs.
  ~ShardThread();
  ShardThread(const ShardThread&) = delete;
  ShardThread& operator=(const ShardThread&) = delete;

  // ---- any thread

  /// Starts the thread. Once.
  void start();
  /// Ends the loop after the handler that runs and joins the thread. Connections get no farewell.
  void stop();
  /// Runs the task as part of a turn of this shard.
  void post(std::function<void()> task);
  /// The same; the future is ready when the task has run, and holds what it threw.
  std::future<void> run(std::function<void()> task);

  [[nodiscard]] boost::asio::io_context& context() { return context_; }

  [[nodiscard]] model::ShardIndex index() const { return environment_.index; }

  /// Sockets that are or will be served here, for an even spread.
  [[nodiscard]] std::size_t session_count() const {
    return session_count_.load(std::memory_order_relaxed);
  }

  /// A socket of context() comes to live here.
  void adopt(AcceptedSocket accepted);

  // ---- stopping

  /// connection.close to all; `all_gone` is called once there is no connection left.
  void close_connections(std::string_view text, std::function<void()> all_gone);
  /// Closes all sockets at once.
  void drop_sessions();
  /// After stop(), by whoever called it, while the store is open: closes what is left of the
  /// sessions and does what that sets off on this shard.
  void finish_remains();

  // ---- for sessions

  /// Something happened on this shard: a turn is under way, and its end is posted.
  void begin_turn();

  [[nodiscard]] connection::ShardConnections& connections() { return connections_; }

  [[nodiscard]] model::Shard& shard() { return *shard_; }

  [[nodiscard]] const Clock& clock() const { return clock_; }

  [[nodiscard]] std::span<char> read_buffer() { return *read_buffer_; }

  /// SocketSession::finish() at the end of the turn.
  void finish_later(SocketSession& session);

  /// SocketSession::look() now and then, until it unlinks itself.
  void watch(SocketSession& session) { watched_.push_back(session); }

  /// The session is closed: its memory goes when its last handler has run.
  void forget(SocketSession& session);

 private:
  using SessionPtr = boost::intrusive_ptr<SocketSession>;
  using ReadBuffer = std::array<char, connection::Connection::receive_bytes_max>;

  void end_turn();
  void receive_mail();
  void bring_tick_forward();
  void wait_for_tick(std::int64_t at_ms);
  void tick();
  void add_session(AcceptedSocket accepted);
  void finish_sessions();
  void tell_if_all_gone();

  const ShardThreadEnvironment environment_;
  // First, so that it goes last: sockets and handlers refer to it.
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer tick_timer_;
  TurnClock clock_;
  ShardMailboxes mailboxes_;
  connection::ShardConnections connections_;
  std::unique_ptr<model::Shard> shard_;
  std::unique_ptr<ReadBuffer> read_buffer_;

  bool in_turn_ = false;
  std::int64_t tick_at_ms_ = 0;
  std::int64_t next_look_ms_ = 0;
  boost::unordered_flat_set<SessionPtr> sessions_;
  std::vector<SessionPtr> finishing_;
  boost::intrusive::list<SocketSession, boost::intrusive::constant_time_size<false>> watched_;
  std::function<void()> all_gone_;

  std::atomic<std::size_t> session_count_{0};
  std::thread thread_;
};

}  // namespace lepus::transport
