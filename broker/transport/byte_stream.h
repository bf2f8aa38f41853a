#pragma once

#include <cstddef>
#include <span>

#include "broker/connection/connection_settings.h"

namespace lepus::transport {

/// How far a read or a write that does not block has come.
struct StreamResult {
  enum class Status {
    moved,        ///< `bytes` octets were read or written, at least one
    would_block,  ///< nothing now: wait until the socket is ready
    ended,        ///< the peer will send nothing more
    failed,       ///< the connection is broken
  };

  Status status = Status::would_block;
  std::size_t bytes = 0;
};

/// The octets of one socket: plain, or with TLS in between. Never blocks; does not own the socket.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  virtual StreamResult read(std::span<char> buffer) = 0;

  /// Writes the pieces one after the other, as much of them as the socket takes.
  virtual StreamResult write(std::span<const std::span<const char>> pieces) = 0;

  /// Nothing more will be written; the peer sees the end of the stream behind what was.
  virtual void end_writing() = 0;

  /// Octets were read from the socket that read() has yet to give: the socket need not become
  /// readable for them.
  [[nodiscard]] virtual bool has_buffered_input() const = 0;

  /// For management; only of a TLS stream, once something was read.
  [[nodiscard]] virtual connection::TlsDescription tls_description() const { return {}; }
};

/// A TCP socket as it is.
class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int socket) : socket_(socket) {}

  StreamResult read(std::span<char> buffer) override;
  StreamResult write(std::span<const std::span<const char>> pieces) override;
  void end_writing() override;

  [[nodiscard]] bool has_buffered_input() const override { return false; }

 private:
  const int socket_;
};

}  // namespace lepus::transport
