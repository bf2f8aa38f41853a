#include "broker/transport/tls_stream.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <string_view>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "broker/transport/distinguished_name.h"

namespace lepus::transport {

using Status = StreamResult::Status;

namespace {

/// OpenSSL's reason, as short as it has it.
std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text == nullptr ? "unknown reason" : text;
}

std::string validity_text(const X509* certificate) {
  BIO* memory = BIO_new(BIO_s_mem());
  ASN1_TIME_print_ex(memory, X509_get0_notBefore(certificate), ASN1_DTFLGS_ISO8601);
  BIO_puts(memory, " - ");
  ASN1_TIME_print_ex(memory, X509_get0_notAfter(certificate), ASN1_DTFLGS_ISO8601);
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(memory, &text);
  std::string result(text, static_cast<std::size_t>(bytes));
  BIO_free(memory);
  return result;
}

int give_password(char* buffer, int size, int /*for_writing*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  const int bytes = std::min(size, static_cast<int>(text.size()));
  std::copy_n(text.data(), bytes, buffer);
  return bytes;
}

Result<void> load_files(SSL_CTX* context, const TlsSettings& settings) {
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, const_cast<std::string*>(&settings.password));
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1) {
    return fail("cannot use the TLS certificate " + settings.certificate_file + ": " + reason());
  }
  const int key = SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM);
  // The settings go, the context stays.
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (key != 1 || SSL_CTX_check_private_key(context) != 1) {
    return fail("cannot use the TLS key " + settings.key_file + ": " + reason());
  }
  if (settings.ca_certificate_file.empty()) {
    return {};
  }
  const char* authorities = settings.ca_certificate_file.c_str();
  if (SSL_CTX_load_verify_locations(context, authorities, nullptr) != 1) {
    return fail("cannot use the CA certificates " + settings.ca_certificate_file + ": " + reason());
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(authorities));
  return {};
}

void set_versions(SSL_CTX* context, const std::vector<std::string>& versions) {
  const auto allows = [&](std::string_view version) {
    return versions.empty() || std::ranges::find(versions, version) != versions.end();
  };
  SSL_CTX_set_min_proto_version(context, allows("tlsv1.2") ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, allows("tlsv1.3") ? TLS1_3_VERSION : TLS1_2_VERSION);
}

void set_verification(SSL_CTX* context, const TlsSettings& settings) {
  int mode = SSL_VERIFY_NONE;
  if (settings.verify_peer) {
    mode = SSL_VERIFY_PEER;
    if (settings.fail_if_no_peer_certificate) {
      mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
  }
  SSL_CTX_set_verify(context, mode, nullptr);
  SSL_CTX_set_verify_depth(context, static_cast<int>(settings.depth));
}

}  // namespace

// ---- the context

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_server_method())) {}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsSettings& settings) {
  const std::shared_ptr<TlsContext> result(new TlsContext);
  SSL_CTX* context = result->context_;
  result->login_ = settings.login;
  if (context == nullptr) {
    return fail("cannot set up TLS: " + reason());
  }
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_read_ahead(context, 1);
  // Resumed sessions need a context id when certificates are asked for.
  constexpr std::string_view session_context = "lepus";
  SSL_CTX_set_session_id_context(context,
                                 reinterpret_cast<const unsigned char*>(session_context.data()),
                                 session_context.size());
  set_versions(context, settings.versions);
  set_verification(context, settings);
  if (auto loaded = load_files(context, settings); !loaded) {
    return loaded.error();
  }
  return std::shared_ptr<const TlsContext>(result);
}

std::optional<std::int64_t> TlsContext::expires_at_s() const {
  const X509* certificate = SSL_CTX_get0_certificate(context_);
  std::tm time{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return std::nullopt;
  }
  return ::timegm(&time);
}

std::unique_ptr<ByteStream> TlsContext::make_stream(int socket) const {
  SSL* session = SSL_new(context_);
  SSL_set_fd(session, socket);
  SSL_set_accept_state(session);
  return std::make_unique<TlsStream>(session, login_);
}

// ---- a session

TlsStream::~TlsStream() {
  SSL_free(session_);
}

Status TlsStream::status_of(int result) {
  const int error = SSL_get_error(session_, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return Status::would_block;
  }
  if (error == SSL_ERROR_ZERO_RETURN) {
    return Status::ended;
  }
  // After a fatal error OpenSSL wants no farewell.
  failed_ = true;
  return Status::failed;
}

StreamResult TlsStream::read(std::span<char> buffer) {
  std::size_t filled = 0;
  may_have_more_ = false;
  ERR_clear_error();
  while (filled < buffer.size()) {
    std::size_t bytes = 0;
    const int result =
        SSL_read_ex(session_, buffer.data() + filled, buffer.size() - filled, &bytes);
    if (result != 1) {
      // An end or an error comes again with the next read.
      return filled > 0 ? StreamResult{Status::moved, filled} : StreamResult{status_of(result), 0};
    }
    filled += bytes;
  }
  may_have_more_ = true;
  return {Status::moved, filled};
}

StreamResult TlsStream::write(std::span<const std::span<const char>> pieces) {
  std::size_t written = 0;
  ERR_clear_error();
  for (const auto& piece : pieces) {
    std::size_t bytes = 0;
    const int result = SSL_write_ex(session_, piece.data(), piece.size(), &bytes);
    if (result != 1) {
      const Status status = status_of(result);
      const bool some = written > 0 && status == Status::would_block;
      return some ? StreamResult{Status::moved, written} : StreamResult{status, 0};
    }
    written += bytes;
    if (bytes < piece.size()) {
      break;
    }
  }
  return {Status::moved, written};
}

void TlsStream::end_writing() {
  if (!failed_ && SSL_is_init_finished(session_) == 1) {
    ERR_clear_error();
    SSL_shutdown(session_);
  }
  ::shutdown(SSL_get_fd(session_), SHUT_WR);
}

connection::TlsDescription TlsStream::tls_description() const {
  connection::TlsDescription description;
  description.protocol = SSL_get_version(session_);
  std::ranges::transform(description.protocol, description.protocol.begin(),
                         [](unsigned char letter) { return std::tolower(letter); });
  description.cipher = SSL_get_cipher_name(session_);
  if (const X509* certificate = SSL_get0_peer_certificate(session_)) {
    description.peer_certificate_subject = distinguished_name(X509_get_subject_name(certificate));
    description.peer_certificate_issuer = distinguished_name(X509_get_issuer_name(certificate));
    description.peer_certificate_validity = validity_text(certificate);
    // Only who was asked for a certificate, and showed one that a known authority has signed.
    if ((SSL_get_verify_mode(session_) & SSL_VERIFY_PEER) != 0 &&
        SSL_get_verify_result(session_) == X509_V_OK) {
      description.peer_certificate_login = login_name(certificate, login_);
    }
  }
  return description;
}

}  // namespace lepus::transport
