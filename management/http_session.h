#pragma once

#include <functional>
#include <memory>

#include <boost/asio/ip/tcp.hpp>

namespace lepus::management {

class Application;

/// One HTTP connection. Lives on the management thread.
class HttpSession {
 public:
  virtual ~HttpSession() = default;
  /// Reads the first request; the session keeps itself alive from then on.
  virtual void start() = 0;
  /// Closes the socket; nothing of the application is used afterwards.
  virtual void close() = 0;
};

/// @param closed  called once when the session is done with, on the management thread
[[nodiscard]] std::shared_ptr<HttpSession> make_http_session(boost::asio::ip::tcp::socket socket,
                                                             Application& application,
                                                             std::function<void()> closed);

}  // namespace lepus::management
