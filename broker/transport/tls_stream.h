#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/transport/byte_stream.h"
#include "broker/transport/certificate_login.h"

struct ssl_ctx_st;
struct ssl_st;

namespace lepus::transport {

/// What a TLS listener shows and asks of its clients. Names of files in PEM.
struct TlsSettings {
  std::string certificate_file;  ///< with its chain
  std::string key_file;
  std::string ca_certificate_file;  ///< who may sign clients' certificates
  std::string password;             ///< of the key
  bool verify_peer = false;
  bool fail_if_no_peer_certificate = false;
  std::uint32_t depth = 1;
  std::vector<std::string> versions;  ///< "tlsv1.2", "tlsv1.3"; empty: both
  CertificateLogin login;             ///< what clients' certificates say by EXTERNAL
};

/// The server's side of all TLS sessions of one listener. Its streams may outlive it and belong to
/// any thread.
class TlsContext {
 public:
  /// Reads the files. The error is one line that names the file.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsSettings& settings);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// When the certificate ends, in seconds since 1970; nothing if that can't be told.
  [[nodiscard]] std::optional<std::int64_t> expires_at_s() const;

  /// The session over a socket that was accepted; the handshake comes with the first read.
  [[nodiscard]] std::unique_ptr<ByteStream> make_stream(int socket) const;

 private:
  TlsContext();

  ssl_ctx_st* context_;
  CertificateLogin login_;
};

/// Octets through TLS. Reads and writes the socket by itself, as far as that does not block.
class TlsStream final : public ByteStream {
 public:
  TlsStream(ssl_st* session, const CertificateLogin& login) : session_(session), login_(login) {}

  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  StreamResult read(std::span<char> buffer) override;
  StreamResult write(std::span<const std::span<const char>> pieces) override;
  void end_writing() override;

  [[nodiscard]] bool has_buffered_input() const override { return may_have_more_; }

  [[nodiscard]] connection::TlsDescription tls_description() const override;

 private:
  [[nodiscard]] StreamResult::Status status_of(int result);

  ssl_st* session_;
  const CertificateLogin login_;
  bool may_have_more_ = false;  ///< the last read was ended by its buffer, not by the socket
  bool failed_ = false;
};

}  // namespace lepus::transport
