#pragma once

#include <cstdint>
#include <string>

struct x509_st;

namespace lepus::transport {

/// What of a client's certificate is the name that it logs in with by EXTERNAL: RabbitMQ's settings
/// ssl_cert_login_from, ssl_cert_login_san_type and ssl_cert_login_san_index.
struct CertificateLogin {
  enum class From : std::uint8_t { distinguished_name, common_name, subject_alternative_name };
  enum class AlternativeName : std::uint8_t { dns, ip, email, uri, other_name };

  From from = From::distinguished_name;
  AlternativeName alternative_name = AlternativeName::dns;
  std::uint32_t alternative_name_index = 0;  ///< among those of that type

  friend bool operator==(const CertificateLogin&, const CertificateLogin&) = default;
};

/// Empty if the certificate has no such name. For a distinguished name see distinguished_name();
/// several common names are joined by commas.
[[nodiscard]] std::string login_name(const x509_st* certificate, const CertificateLogin& login);

}  // namespace lepus::transport
