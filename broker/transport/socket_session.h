#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "broker/connection/connection.h"
#include "broker/transport/byte_stream.h"

namespace lepus::transport {

class ShardThread;

/// One client's socket. It moves octets between the socket and its connection::Connection and
/// closes the socket as the connection wishes; belongs to its shard's thread.
///
/// Reading: wait until readable, then read into the shard's buffer and hand over, at most
/// `read_bytes_per_turn_max`. While the connection does not want it, nothing is read, and the
/// shard's look at its watched sessions notices a hang-up.
///
/// Writing: at the end of a turn, with one call; only if the socket did not take everything, wait
/// until it is writable.
///
/// Closing: after the last octet the sending side is ended and what still comes is thrown away
/// until the client ends too or time is up. Closing with unread input would make the kernel send a
/// reset, which destroys the last frame on its way.
class SocketSession final
    : public connection::TransportSession,
      public boost::intrusive_ref_counter<SocketSession, boost::thread_unsafe_counter>,
      public boost::intrusive::list_base_hook<
          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  static constexpr std::size_t read_bytes_per_turn_max = std::size_t{256} * 1024;
  static constexpr std::size_t write_bytes_per_turn_max = std::size_t{2} * 1024 * 1024;
  static constexpr std::int64_t linger_ms = 3000;
  /// Output that must leave before the socket is closed may stand still for so long.
  static constexpr std::int64_t last_output_ms = 10000;
  /// A client that hung up is gone, even if what it sent before could not be read, after so long.
  static constexpr std::int64_t unread_hang_up_ms = 10000;

  SocketSession(ShardThread& shard, boost::asio::ip::tcp::socket socket,
                std::unique_ptr<ByteStream> stream);
  ~SocketSession() override;

  /// Makes the connection and begins to read.
  void start(connection::PeerDescription peer);

  /// Writes what there is, reads again if wanted, closes if wished.
  void connection_changed() override;

  /// Does the closing that connection_changed() found due. Called by the shard outside of the
  /// connections' own loops.
  void finish();

  /// For sessions on the shard's list of watched ones: hang-ups and time limits.
  void look(std::int64_t now_ms);

  /// Closes the socket at once.
  void close();

 private:
  enum class State {
    open,
    lingering,  ///< the connection is gone, the last octets are on their way
    closed,
  };

  void wait_readable();
  void wait_writable();
  void on_readable();
  void read_input();
  void discard_input();
  [[nodiscard]] bool write_output();
  void update_reading();
  void finish_later();
  void drop_connection();
  void watch();
  [[nodiscard]] bool peer_hung_up(std::int64_t now_ms);

  ShardThread& shard_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<ByteStream> stream_;
  connection::Connection* connection_ = nullptr;

  State state_ = State::open;
  bool tls_to_describe_ = false;
  bool read_waiting_ = false;
  bool write_waiting_ = false;
  bool broken_ = false;  ///< the socket can't be written
  bool finishing_ = false;
  std::int64_t deadline_ms_ = 0;  ///< of lingering or of the last output; 0: none
  std::int64_t hung_up_ms_ = 0;   ///< since when, with input unread; 0: not
};

}  // namespace lepus::transport
