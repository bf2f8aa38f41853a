#include "broker/transport/listener.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <spdlog/spdlog.h>

#include "broker/transport/peer.h"

namespace lepus::transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Nothing is wrong with the one who wants in, but with us.
bool is_shortage(const error_code& error) {
  const int code = error.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

Listener::Listener(std::vector<ShardThread*> shards, ListenerOptions options)
    : shards_(std::move(shards)),
      options_(std::move(options)),
      acceptor_(shards_.front()->context()),
      pause_timer_(shards_.front()->context()) {}

Result<void> Listener::open() {
  error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error) {
    return fail("cannot listen on '" + options_.address + "': not an IP address");
  }
  const tcp::endpoint wanted(address, options_.port);
  const auto failed = [&] {
    acceptor_ = tcp::acceptor(shards_.front()->context());
    return fail("cannot listen on " + to_text(wanted) + ": " + error.message());
  };
  acceptor_.open(wanted.protocol(), error);
  if (error) {
    return failed();
  }
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (address.is_v6() && address.is_unspecified()) {
    acceptor_.set_option(asio::ip::v6_only(false), error);
  }
  acceptor_.bind(wanted, error);
  if (!error) {
    acceptor_.listen(options_.backlog, error);
  }
  if (!error) {
    endpoint_ = acceptor_.local_endpoint(error);
  }
  if (error) {
    return failed();
  }
  return {};
}

void Listener::start() {
  shards_.front()->post([this] { accept(); });
}

void Listener::close() {
  shards_.front()
      ->run([this] {
        error_code ignored;
        acceptor_.close(ignored);
        pause_timer_.cancel();
      })
      .wait();
  // The handler of the accept that was under way runs before this.
  shards_.front()->run([] {}).wait();
}

void Listener::accept() {
  if (is_full()) {
    pause("there are " + std::to_string(options_.sessions_max) + " connections already");
    return;
  }
  ShardThread& shard = next_shard();
  acceptor_.async_accept(shard.context(),
                         [this, &shard](const error_code& error, tcp::socket socket) {
                           accepted(error, shard, std::move(socket));
                         });
}

void Listener::accepted(const error_code& error, ShardThread& shard, tcp::socket socket) {
  if (!acceptor_.is_open()) {
    return;
  }
  if (is_shortage(error)) {
    pause(error.message());
    return;
  }
  // Any other error is the client's: it hung up before it was accepted.
  if (!error) {
    pause_logged_ = false;
    hand_over(shard, std::move(socket));
  }
  accept();
}

bool Listener::is_full() const {
  std::size_t sessions = 0;
  for (const ShardThread* shard : shards_) {
    sessions += shard->session_count();
  }
  return sessions >= options_.sessions_max;
}

void Listener::pause(const std::string& why) {
  if (!pause_logged_) {
    pause_logged_ = true;
    spdlog::error("cannot accept connections on {} for now: {}", to_text(endpoint_), why);
  }
  pause_timer_.expires_after(std::chrono::milliseconds(pause_ms));
  pause_timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled && acceptor_.is_open()) {
      accept();
    }
  });
}

void Listener::hand_over(ShardThread& shard, tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(options_.no_delay), ignored);
  socket.set_option(tcp::socket::keep_alive(options_.keep_alive), ignored);
  const int handle = socket.native_handle();
  std::unique_ptr<ByteStream> stream =
      options_.make_stream ? options_.make_stream(handle) : std::make_unique<PlainStream>(handle);
  shard.adopt({std::move(socket), std::move(stream), options_.is_tls});
}

ShardThread& Listener::next_shard() {
  // From a different one each time, so that equals take turns.
  ShardThread* chosen = nullptr;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    ShardThread* candidate = shards_[(next_ + i) % shards_.size()];
    if (chosen == nullptr || candidate->session_count() < chosen->session_count()) {
      chosen = candidate;
    }
  }
  next_ = (next_ + 1) % shards_.size();
  return *chosen;
}

}  // namespace lepus::transport
