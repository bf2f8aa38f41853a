#include "broker/transport/certificate_login.h"

#include <array>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "broker/transport/distinguished_name.h"

namespace lepus::transport {

namespace {

std::string text_of(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string common_names(const X509_NAME* name) {
  std::string names;
  for (int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1); index >= 0;
       index = X509_NAME_get_index_by_NID(name, NID_commonName, index)) {
    unsigned char* utf8 = nullptr;
    const int bytes =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    if (bytes < 0) {
      return {};  // Half of a name is another name.
    }
    names += names.empty() ? "" : ",";
    names.append(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(bytes));
    OPENSSL_free(utf8);
  }
  return names;
}

int general_name_type(CertificateLogin::AlternativeName type) {
  switch (type) {
    case CertificateLogin::AlternativeName::dns:
      return GEN_DNS;
    case CertificateLogin::AlternativeName::ip:
      return GEN_IPADD;
    case CertificateLogin::AlternativeName::email:
      return GEN_EMAIL;
    case CertificateLogin::AlternativeName::uri:
      return GEN_URI;
    case CertificateLogin::AlternativeName::other_name:
      return GEN_OTHERNAME;
  }
  return GEN_DNS;
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  const int bytes = ASN1_STRING_length(address);
  const int family = bytes == sizeof(in_addr) ? AF_INET : AF_INET6;
  if (family == AF_INET6 && bytes != sizeof(in6_addr)) {
    return {};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, ASN1_STRING_get0_data(address), text.data(), text.size());
}

std::string text_of(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_IPADD:
      return address_text(name->d.iPAddress);
    case GEN_OTHERNAME: {
      const ASN1_TYPE* value = name->d.otherName->value;
      const bool is_text = value->type == V_ASN1_UTF8STRING || value->type == V_ASN1_IA5STRING;
      return is_text ? text_of(value->value.asn1_string) : std::string{};
    }
    default:
      return text_of(name->d.ia5);
  }
}

std::string alternative_name(const X509* certificate, CertificateLogin::AlternativeName type,
                             std::uint32_t index) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int place = 0; place < count; ++place) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), place);
    if (name->type == general_name_type(type) && index-- == 0) {
      return text_of(name);
    }
  }
  return {};
}

}  // namespace

std::string login_name(const X509* certificate, const CertificateLogin& login) {
  std::string name;
  switch (login.from) {
    case CertificateLogin::From::distinguished_name:
      name = distinguished_name(X509_get_subject_name(certificate));
      break;
    case CertificateLogin::From::common_name:
      name = common_names(X509_get_subject_name(certificate));
      break;
    case CertificateLogin::From::subject_alternative_name:
      name = alternative_name(certificate, login.alternative_name, login.alternative_name_index);
      break;
  }
  // A zero octet would let one name pass for another in whatever reads it.
  return name.find('\0') == std::string::npos ? name : std::string{};
}

}  // namespace lepus::transport
