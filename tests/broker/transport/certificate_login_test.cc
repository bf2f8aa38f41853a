#include "broker/transport/certificate_login.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace lepus::transport {
namespace {

using From = CertificateLogin::From;
using AlternativeName = CertificateLogin::AlternativeName;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate make_certificate(const std::vector<std::pair<std::string, std::string>>& subject,
                             const std::string& alternative_names = {}) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  for (const auto& [field, value] : subject) {
    X509_NAME_add_entry_by_txt(name, field.c_str(), MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  }
  if (!alternative_names.empty()) {
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative_names.c_str());
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  return certificate;
}

TEST(CertificateLogin, TheDistinguishedNameIsWrittenFromItsEnd) {
  const auto certificate = make_certificate({{"CN", "orders"}, {"O", "client"}});
  EXPECT_EQ(login_name(certificate.get(), {}), "O=client,CN=orders");
}

TEST(CertificateLogin, DistinguishedNamesAreRabbitMqs) {
  const auto certificate = make_certificate({{"C", "DE"},
                                             {"street", "Hauptstr. 1"},
                                             {"O", " a+b, \"c\" "},
                                             {"CN", "gr\xc3\xbc\xc3\x9f~"},
                                             {"emailAddress", "a@b.example"},
                                             {"GN", "#1"},
                                             {"businessCategory", "x;y"}});
  EXPECT_EQ(login_name(certificate.get(), {}),
            "2.5.4.15=x\\;y,GIVENNAME=\\#1,EMAILADDRESS=a@b.example,"
            "CN=gr\\C3\\BC\\C3\\9F\\7E,O=\\ a\\+b\\, \\\"c\\\"\\ ,"
            "STREET=Hauptstr. 1,C=DE");
  EXPECT_EQ(login_name(certificate.get(), {.from = From::common_name}), "gr\xc3\xbc\xc3\x9f~");
}

TEST(CertificateLogin, PartsOfOneSetStandTogether) {
  const auto certificate = make_certificate({{"O", "client"}, {"CN", "a"}});
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "UID", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("7"), -1, -1, -1);
  EXPECT_EQ(login_name(certificate.get(), {}), "CN=a+UID=7,O=client");
}

TEST(CertificateLogin, SeveralCommonNamesAreJoined) {
  const auto certificate = make_certificate({{"CN", "a"}, {"O", "x"}, {"CN", "b"}});
  EXPECT_EQ(login_name(certificate.get(), {.from = From::common_name}), "a,b");
}

TEST(CertificateLogin, WithoutTheNameThereIsNone) {
  const auto certificate = make_certificate({{"O", "client"}});
  EXPECT_EQ(login_name(certificate.get(), {.from = From::common_name}), "");
  EXPECT_EQ(login_name(certificate.get(), {.from = From::subject_alternative_name}), "");
}

TEST(CertificateLogin, AZeroOctetMakesNoName) {
  const auto certificate = make_certificate({{"CN", std::string("guest\0.example", 14)}});
  EXPECT_EQ(login_name(certificate.get(), {.from = From::common_name}), "");
}

TEST(CertificateLogin, AlternativeNamesAreCountedByTheirType) {
  const auto certificate = make_certificate(
      {{"CN", "x"}},
      "DNS:a.example,email:first@example,DNS:b.example,email:second@example,IP:10.0.0.7,"
      "IP:2001:db8::1,URI:urn:user:u,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:upn@example");
  const auto login = [&](AlternativeName type, std::uint32_t index) {
    return login_name(certificate.get(), {From::subject_alternative_name, type, index});
  };
  EXPECT_EQ(login(AlternativeName::dns, 0), "a.example");
  EXPECT_EQ(login(AlternativeName::dns, 1), "b.example");
  EXPECT_EQ(login(AlternativeName::dns, 2), "");
  EXPECT_EQ(login(AlternativeName::email, 1), "second@example");
  EXPECT_EQ(login(AlternativeName::ip, 0), "10.0.0.7");
  EXPECT_EQ(login(AlternativeName::ip, 1), "2001:db8::1");
  EXPECT_EQ(login(AlternativeName::uri, 0), "urn:user:u");
  EXPECT_EQ(login(AlternativeName::other_name, 0), "upn@example");
}

}  // namespace
}  // namespace lepus::transport
