#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "broker/base/result.h"
#include "broker/transport/byte_stream.h"
#include "broker/transport/shard_thread.h"

namespace lepus::transport {

struct ListenerOptions {
  std::string address;     ///< an IP address, IPv6 without brackets
  std::uint16_t port = 0;  ///< 0: any free one
  int backlog = 128;
  bool no_delay = true;
  bool keep_alive = false;
  /// Makes what speaks over an accepted socket (its native handle); empty: a PlainStream.
  std::function<std::unique_ptr<ByteStream>(int socket)> make_stream;
  bool is_tls = false;
  /// While the shards have so many sessions, of whatever listener, nobody is accepted.
  std::size_t sessions_max = std::numeric_limits<std::size_t>::max();
};

/// Accepts connections on the first shard's thread and gives each to the shard with the fewest.
/// When there are enough sessions, or descriptors or memory run out, it pauses instead of spinning:
/// who waits to be accepted goes on waiting.
class Listener {
 public:
  static constexpr std::int64_t pause_ms = 500;

  /// @param shards  not empty; they outlive the listener
  Listener(std::vector<ShardThread*> shards, ListenerOptions options);

  /// Binds and listens; nothing is accepted yet, but clients may already knock. The error is one
  /// line with the address.
  Result<void> open();
  /// Begins to accept. After open().
  void start();
  /// Stops accepting and closes the port; nothing is accepted once it has returned. From any thread
  /// but the shards'.
  void close();

  /// The address that was bound, with the port that was chosen.
  [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }

  [[nodiscard]] bool is_tls() const { return options_.is_tls; }

 private:
  void accept();
  void accepted(const boost::system::error_code& error, ShardThread& shard,
                boost::asio::ip::tcp::socket socket);
  void pause(const std::string& why);
  [[nodiscard]] bool is_full() const;
  void hand_over(ShardThread& shard, boost::asio::ip::tcp::socket socket);
  [[nodiscard]] ShardThread& next_shard();

  const std::vector<ShardThread*> shards_;
  const ListenerOptions options_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  boost::asio::steady_timer pause_timer_;
  std::size_t next_ = 0;       ///< where the search for the next shard begins
  bool pause_logged_ = false;  ///< until something is accepted again
};

}  // namespace lepus::transport
