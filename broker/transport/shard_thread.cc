#include "broker/transport/shard_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include "broker/base/assert.h"
#include "broker/transport/peer.h"

namespace lepus::transport {

namespace asio = boost::asio;

namespace {

/// Handlers that are run for a shard whose thread has ended.
constexpr int remaining_handlers_max = 10'000;

}  // namespace

ShardThread::ShardThread(const ShardThreadEnvironment& environment)
    : environment_(environment),
      work_(context_.get_executor()),
      tick_timer_(context_),
      mailboxes_(*environment.mail, environment.index, environment.shard_count),
      connections_({.index = environment.index,
                    .shard_count = environment.shard_count,
                    .clock = &clock_,
                    .topology = environment.topology,
                    .reply_consumers = environment.reply_consumers,
                    .counts = environment.connection_counts,
                    .settings = environment.settings}),
      shard_(std::make_unique<model::Shard>(model::ShardEnvironment{
          .index = environment.index,
          .shard_count = environment.shard_count,
          .clock = &clock_,
          .store = environment.store,
          .cut_gate = environment.cut_gate,
          .topology = environment.topology,
          .mailboxes = &mailboxes_,
          .connections = &connections_,
          .post = [this](std::function<void()> task) { post(std::move(task)); },
          .report_fault = [](std::string what) { spdlog::error("{}", what); }})),
      read_buffer_(std::make_unique<ReadBuffer>()) {
  connections_.set_shard(*shard_);
  environment.mail->set_wake_up(environment.index,
                                [this] { asio::post(context_, [this] { receive_mail(); }); });
}

ShardThread::~ShardThread() {
  stop();
  // On this thread now, while everything that they refer to is still there.
  drop_sessions();
}

// ---- any thread

void ShardThread::start() {
  LEPUS_ASSERT(!thread_.joinable(), "a shard starts once");
  wait_for_tick(clock_.steady_ms() + tick_interval_ms);
  thread_ = std::thread([this] {
    const std::string name = "shard-" + std::to_string(index());
    pthread_setname_np(pthread_self(), name.c_str());
    context_.run();
  });
}

void ShardThread::stop() {
  if (thread_.joinable()) {
    context_.stop();
    thread_.join();
  }
}

void ShardThread::post(std::function<void()> task) {
  asio::post(context_, [this, task = std::move(task)] {
    begin_turn();
    task();
  });
}

std::future<void> ShardThread::run(std::function<void()> task) {
  auto packaged = std::make_shared<std::packaged_task<void()>>(std::move(task));
  std::future<void> done = packaged->get_future();
  post([packaged] { (*packaged)(); });
  return done;
}

void ShardThread::adopt(AcceptedSocket accepted) {
  session_count_.fetch_add(1, std::memory_order_relaxed);
  asio::post(context_, [this, accepted = std::move(accepted)]() mutable {
    begin_turn();
    add_session(std::move(accepted));
  });
}

// ---- the turn

void ShardThread::begin_turn() {
  if (in_turn_) {
    return;
  }
  in_turn_ = true;
  clock_.refresh();
  asio::post(context_, [this] { end_turn(); });
}

void ShardThread::end_turn() {
  // From here on, whatever happens makes another turn.
  in_turn_ = false;
  connections_.resume();
  shard_->end_turn();
  // Before the sockets are written, so that the other shards need not wait for that.
  mailboxes_.carry();
  connections_.end_turn();
  finish_sessions();
  // Room in outputs and what closed connections gave back.
  mailboxes_.carry();
  tell_if_all_gone();
  bring_tick_forward();
  // What a shard still has to commit needs no turn: the store's answer, or a tick, makes one.
  if (connections_.has_pending_work()) {
    begin_turn();
  }
}

void ShardThread::receive_mail() {
  begin_turn();
  environment_.mail->collect(
      index(), [this](model::Operation&& operation) { shard_->receive(std::move(operation)); });
}

void ShardThread::bring_tick_forward() {
  const std::int64_t due_ms = std::min(shard_->next_timer_ms(), connections_.next_tick_ms());
  if (due_ms < tick_at_ms_) [[unlikely]] {
    wait_for_tick(due_ms);
  }
}

void ShardThread::wait_for_tick(std::int64_t at_ms) {
  tick_at_ms_ = at_ms;
  tick_timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::milliseconds(at_ms)));
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      tick();
      wait_for_tick(clock_.steady_ms() + tick_interval_ms);
    }
  });
}

void ShardThread::tick() {
  begin_turn();
  shard_->tick();
  connections_.tick();
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_look_ms_) {
    return;
  }
  next_look_ms_ = now_ms + look_interval_ms;
  for (auto next = watched_.begin(); next != watched_.end();) {
    SocketSession& session = *next;
    ++next;  // Looking may unlink and free this session, but no other.
    session.look(now_ms);
  }
}

// ---- sessions

void ShardThread::add_session(AcceptedSocket accepted) {
  auto peer = describe_peer(accepted.socket, accepted.is_tls);
  if (!peer || all_gone_) {
    session_count_.fetch_sub(1, std::memory_order_relaxed);
    return;  // It has hung up already, or the broker is stopping.
  }
  SPDLOG_DEBUG("accepted connection {}", peer->name());
  SessionPtr session(
      new SocketSession(*this, std::move(accepted.socket), std::move(accepted.stream)));
  sessions_.insert(session);
  session->start(std::move(*peer));
}

void ShardThread::finish_later(SocketSession& session) {
  begin_turn();
  finishing_.emplace_back(&session);
}

void ShardThread::finish_sessions() {
  // Finishing one may make another one due: that is for the next turn.
  std::vector<SessionPtr> finishing;
  finishing.swap(finishing_);
  for (const SessionPtr& session : finishing) {
    session->finish();
  }
}

void ShardThread::forget(SocketSession& session) {
  if (sessions_.erase(SessionPtr(&session)) != 0) {
    session_count_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void ShardThread::close_connections(std::string_view text, std::function<void()> all_gone) {
  begin_turn();
  all_gone_ = std::move(all_gone);
  connections_.close_all(text);
}

void ShardThread::tell_if_all_gone() {
  if (all_gone_ && connections_.connection_count() == 0) {
    all_gone_();
    all_gone_ = [] {};
  }
}

void ShardThread::finish_remains() {
  LEPUS_ASSERT(!thread_.joinable(), "the shard's thread has ended");
  drop_sessions();
  context_.restart();
  // Not poll(): turns that wait for the store would go on for ever.
  for (int handlers = 0; handlers < remaining_handlers_max && context_.poll_one() != 0;
       ++handlers) {
  }
}

void ShardThread::drop_sessions() {
  while (!sessions_.empty()) {
    const SessionPtr session = *sessions_.begin();
    session->close();
  }
}

}  // namespace lepus::transport
