#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include "management/application.h"
#include "management/http_session.h"
#include "management/server.h"

namespace lepus::management {

namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

constexpr std::chrono::milliseconds accept_pause{500};
constexpr int backlog = 128;

/// The management thread's loop. Answers of the broker hold on to it, so it outlives the server.
class LoopExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override {
    if (!ended_) {
      asio::post(context, std::move(task));
    }
  }

  void end() {
    ended_ = true;
    context.stop();
  }

  asio::io_context context{1};

 private:
  std::atomic<bool> ended_{false};
};

}  // namespace

class Server::Implementation {
 public:
  Implementation(ServerOptions options, model::BrokerAccess& access)
      : options_(std::move(options)),
        executor_(std::make_shared<LoopExecutor>()),
        application_(std::make_unique<Application>(access, executor_, options_.answer_bytes_max)),
        acceptor_(executor_->context),
        pause_timer_(executor_->context),
        sample_timer_(executor_->context) {}

  ~Implementation() { stop(); }

  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  Result<void> start() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.bind, error);
    if (!error) {
      open({address, options_.port}, error);
    }
    if (error) {
      return fail("cannot listen on " + text_of(options_.bind, options_.port) +
                  " for management: " + error.message());
    }
    accept();
    sample();
    thread_ = std::thread([this] {
      executor_->context.run();
      ended_.set_value();
    });
    return {};
  }

  [[nodiscard]] std::uint16_t port() const { return endpoint_.port(); }

  [[nodiscard]] std::string address() const {
    return text_of(endpoint_.address().to_string(), endpoint_.port());
  }

  bool begin_stop(std::chrono::milliseconds limit) {
    executor_->end();
    return !thread_.joinable() || end_.wait_for(limit) == std::future_status::ready;
  }

  void stop() {
    executor_->end();
    if (thread_.joinable()) {
      thread_.join();
    }
    for (const auto& [number, session] : std::exchange(sessions_, {})) {
      session->close();
    }
    application_.reset();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_timer_.cancel();
    sample_timer_.cancel();
    // Answers of the broker that came too late hold on to it, and must not outlive it.
    executor_->context.restart();
    executor_->context.poll();
  }

 private:
  static std::string text_of(const std::string& address, std::uint16_t port) {
    const bool is_v6 = address.find(':') != std::string::npos;
    return (is_v6 ? '[' + address + ']' : address) + ':' + std::to_string(port);
  }

  void open(const Tcp::endpoint& endpoint, boost::system::error_code& error) {
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    }
    if (!error) {
      acceptor_.bind(endpoint, error);
    }
    if (!error) {
      acceptor_.listen(backlog, error);
    }
    if (!error) {
      endpoint_ = acceptor_.local_endpoint(error);
    }
  }

  /// Seen by handlers that were due already when stop() cancelled the others.
  [[nodiscard]] bool has_stopped() const { return application_ == nullptr; }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted || has_stopped()) {
        return;
      }
      if (error) {
        // Out of descriptors, mostly: who waits to be accepted goes on waiting.
        pause_timer_.expires_after(accept_pause);
        pause_timer_.async_wait([this](boost::system::error_code cancelled) {
          if (!cancelled && !has_stopped()) {
            accept();
          }
        });
        return;
      }
      add_session(std::move(socket));
      accept();
    });
  }

  void add_session(Tcp::socket socket) {
    if (sessions_.size() >= options_.connections_max) {
      return;
    }
    boost::system::error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    const std::uint64_t number = ++last_session_;
    auto session = make_http_session(std::move(socket), *application_,
                                     [this, number] { sessions_.erase(number); });
    sessions_.emplace(number, session);
    session->start();
  }

  void sample() {
    application_->sample();
    sample_timer_.expires_after(options_.sample_interval);
    sample_timer_.async_wait([this](boost::system::error_code error) {
      if (!error && !has_stopped()) {
        sample();
      }
    });
  }

  const ServerOptions options_;
  std::shared_ptr<LoopExecutor> executor_;
  std::unique_ptr<Application> application_;
  Tcp::acceptor acceptor_;
  Tcp::endpoint endpoint_;
  asio::steady_timer pause_timer_;
  asio::steady_timer sample_timer_;
  std::unordered_map<std::uint64_t, std::shared_ptr<HttpSession>> sessions_;
  std::uint64_t last_session_ = 0;
  std::promise<void> ended_;  ///< the thread's loop
  std::future<void> end_ = ended_.get_future();
  std::thread thread_;
};

Server::Server(ServerOptions options, model::BrokerAccess& access)
    : implementation_(std::make_unique<Implementation>(std::move(options), access)) {}

Server::~Server() = default;

Result<void> Server::start() {
  return implementation_->start();
}

std::uint16_t Server::port() const {
  return implementation_->port();
}

std::string Server::address() const {
  return implementation_->address();
}

bool Server::begin_stop(std::chrono::milliseconds limit) {
  return implementation_->begin_stop(limit);
}

void Server::stop() {
  implementation_->stop();
}

}  // namespace lepus::management
