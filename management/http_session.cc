#include "management/http_session.h"

#include <chrono>
#include <ctime>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <spdlog/spdlog.h>

#include "management/application.h"

namespace lepus::management {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

constexpr std::uint32_t header_bytes_max = 64U << 10U;
constexpr std::uint64_t body_bytes_max = std::uint64_t{16} << 20U;
/// Of requests that are refused anyway; they are read so that the connection can go on.
constexpr std::uint64_t refused_body_bytes_max = std::uint64_t{64} << 10U;
constexpr std::chrono::seconds idle_limit{75};
constexpr std::chrono::seconds body_limit{60};
constexpr std::chrono::seconds answer_limit{30};
constexpr std::chrono::seconds write_limit{120};
/// How long what a client still sends is thrown away, so that it can read its answer.
constexpr std::chrono::seconds linger_limit{5};
constexpr std::size_t discard_bytes = std::size_t{64} << 10U;

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::get;
    case http::verb::head:
      return Method::head;
    case http::verb::put:
      return Method::put;
    case http::verb::post:
      return Method::post;
    case http::verb::delete_:
      return Method::del;
    case http::verb::options:
      return Method::options;
    default:  // There are dozens of others.
      return Method::other;
  }
}

std::string text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

/// "Sat, 21 Nov 2026 08:06:28 GMT".
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm time{};
  ::gmtime_r(&now, &time);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &time);
  return {text, length};
}

Response too_large() {
  return error_response(413, "bad_request", "the request body is too large");
}

class Session final : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, Application& application, std::function<void()> closed)
      : stream_(std::move(socket)),
        timer_(stream_.get_executor()),
        application_(application),
        closed_(std::move(closed)) {
    boost::system::error_code error;
    const auto peer = stream_.socket().remote_endpoint(error);
    from_loopback_ = !error && is_loopback(peer.address());
  }

  void start() override { read_header(); }

  void close() override {
    // The answer under way goes first: it refers to the application.
    answering_.reset();
    charge_.reset();
    body_charge_.reset();
    timer_.cancel();
    boost::system::error_code ignored;
    stream_.socket().close(ignored);
    if (closed_) {
      std::exchange(closed_, nullptr)();
    }
  }

 private:
  static bool is_loopback(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    }
    return address.is_loopback();
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(header_bytes_max);
    parser_->body_limit(boost::none);  // header_read() knows what it may be.
    keep_alive_ = true;
    stream_.expires_after(idle_limit);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](auto error, std::size_t /*bytes*/) {
                              self->header_read(error);
                            });
  }

  void header_read(boost::system::error_code error) {
    if (!stream_.socket().is_open()) {
      return;
    }
    if (error) {
      refuse(error);
      return;
    }
    take_header();
    if (parser_->is_done()) {
      answer();
      return;
    }
    const bool is_accepted = application_.accepts_body(request_);
    const std::uint64_t limit_bytes = is_accepted ? body_bytes_max : refused_body_bytes_max;
    const auto length_bytes = parser_->content_length();
    if (length_bytes && *length_bytes > limit_bytes) {
      // Not read at all, so nothing may follow it.
      keep_alive_ = false;
      is_accepted ? write(too_large()) : answer();
      return;
    }
    parser_->body_limit(limit_bytes);
    const std::uint64_t expected_bytes = length_bytes ? *length_bytes : limit_bytes;
    if (expected_bytes > refused_body_bytes_max) {
      // Bodies are held as a whole, like answers, and count as such.
      body_charge_ = application_.answers().open();
      if (!body_charge_->add(expected_bytes)) {
        keep_alive_ = false;
        write(too_busy());
        return;
      }
    }
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      send_continue();
    } else {
      read_body();
    }
  }

  void take_header() {
    const auto& message = parser_->get();
    request_ = {.method = method_of(message.method()),
                .target = text_of(message.target()),
                .authorization = text_of(message[http::field::authorization]),
                .accept = text_of(message[http::field::accept]),
                .content_type = text_of(message[http::field::content_type]),
                .close_reason = text_of(message["X-Reason"]),
                .from_loopback = from_loopback_};
    is_head_ = request_.method == Method::head;
    version_ = message.version();
    keep_alive_ = parser_->keep_alive();
  }

  void send_continue() {
    stream_.expires_after(write_limit);
    auto interim = std::make_shared<http::response<http::empty_body>>(http::status::continue_, 11);
    http::async_write(stream_, *interim,
                      [self = shared_from_this(), interim](auto error, std::size_t /*bytes*/) {
                        error ? self->close() : self->read_body();
                      });
  }

  void read_body() {
    stream_.expires_after(body_limit);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](auto error, std::size_t /*bytes*/) {
                       if (!self->stream_.socket().is_open()) {
                         return;
                       }
                       if (error) {
                         self->refuse(error);
                         return;
                       }
                       self->request_.body = std::move(self->parser_->get().body());
                       self->answer();
                     });
  }

  /// What came is not HTTP, or too much of it.
  void refuse(boost::system::error_code error) {
    keep_alive_ = false;
    if (error == http::error::body_limit) {
      write(too_large());
    } else if (error == http::error::header_limit) {
      write({.status = 431});
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      write({.status = 400});
    } else {
      close();
    }
  }

  void answer() {
    stream_.expires_never();
    timer_.expires_after(answer_limit);
    timer_.async_wait([self = shared_from_this(), number = ++answer_number_](auto error) {
      if (!error && number == self->answer_number_ && self->answering_) {
        self->answering_.reset();
        self->keep_alive_ = false;
        self->write(
            error_response(503, "service_unavailable", "the broker did not answer in time"));
      }
    });
    target_ = request_.target;
    answering_.emplace(application_.answer(std::move(request_)));
    answering_->start([self = weak_from_this(), executor = stream_.get_executor()] {
      // Not inside the coroutine, which ends here.
      asio::post(executor, [self] {
        if (const auto session = self.lock(); session && session->answering_) {
          session->answered();
        }
      });
    });
  }

  void answered() {
    ++answer_number_;
    timer_.cancel();
    Response response;
    try {
      response = answering_->take();
    } catch (const std::exception& error) {
      spdlog::error("management: {} failed: {}", target_, error.what());
      response = error_response(500, "internal_server_error", "the request could not be answered");
    }
    answering_.reset();
    write(std::move(response));
  }

  /// Counts the answer's octets until they are written, or makes another one of it.
  void charge(Response& response) {
    charge_ = std::move(response.charge);
    if (charge_ == nullptr) {
      charge_ = application_.answers().open();
      if (!charge_->add(response.body.size())) {
        response = too_busy();
        keep_alive_ = false;
      }
    }
  }

  void write(Response response) {
    charge(response);
    auto message = std::make_shared<http::response<http::string_body>>();
    message->version(version_);
    message->result(static_cast<unsigned>(response.status));
    message->set(http::field::server, "Lepus");
    message->set(http::field::date, http_date());
    message->set(http::field::cache_control, "no-cache");
    message->set(http::field::vary, "accept, accept-encoding, origin");
    for (const auto& [name, value] : response.headers) {
      message->set(name, value);
    }
    constexpr int no_content = 204;
    if (!response.body.empty()) {
      message->set(http::field::content_type, response.content_type);
    }
    message->keep_alive(keep_alive_);
    if (response.status != no_content) {
      message->content_length(response.body.size());
    }
    if (!is_head_) {
      message->body() = std::move(response.body);
    }
    stream_.expires_after(write_limit);
    http::async_write(stream_, *message,
                      [self = shared_from_this(), message](auto error, std::size_t /*bytes*/) {
                        self->written(error);
                      });
  }

  void written(boost::system::error_code error) {
    charge_.reset();
    body_charge_.reset();
    if (!stream_.socket().is_open()) {
      return;
    }
    if (error) {
      close();
    } else if (keep_alive_) {
      read_header();
    } else {
      linger();
    }
  }

  /// Closing a socket with unread input would reset the connection, and with it destroy the answer
  /// on its way.
  void linger() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    parser_.reset();
    discarded_.resize(discard_bytes);
    stream_.expires_after(linger_limit);  // in all
    discard();
  }

  void discard() {
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this()](auto error, std::size_t /*bytes*/) {
                              error ? self->close() : self->discard();
                            });
  }

  beast::tcp_stream stream_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Application& application_;
  std::function<void()> closed_;
  Request request_;
  std::string target_;
  std::optional<Task<Response>> answering_;
  std::shared_ptr<AnswerBudget::Charge> charge_;       ///< for what is being written
  std::shared_ptr<AnswerBudget::Charge> body_charge_;  ///< for the request's body
  std::vector<char> discarded_;
  std::uint64_t answer_number_ = 0;
  unsigned version_ = 11;
  bool from_loopback_ = false;
  bool is_head_ = false;
  bool keep_alive_ = true;
};

}  // namespace

std::shared_ptr<HttpSession> make_http_session(Tcp::socket socket, Application& application,
                                               std::function<void()> closed) {
  return std::make_shared<Session>(std::move(socket), application, std::move(closed));
}

}  // namespace lepus::management
