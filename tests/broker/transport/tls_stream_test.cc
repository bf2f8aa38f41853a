#include "broker/transport/tls_stream.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "broker/connection/connection_walk.h"
#include "tests/broker/transport/support.h"

namespace lepus::transport {
namespace {

/// A key and a certificate that it has signed itself, in files of the test's folder.
class SelfSigned {
 public:
  SelfSigned() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    write(key_file_, [&](FILE* file) {
      PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    write(certificate_file_, [&](FILE* file) { PEM_write_X509(file, certificate); });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  ~SelfSigned() {
    std::remove(key_file_.c_str());
    std::remove(certificate_file_.c_str());
  }

  [[nodiscard]] TlsSettings settings() const {
    return {.certificate_file = certificate_file_, .key_file = key_file_};
  }

 private:
  template <typename Write>
  static void write(const std::string& name, Write write_to) {
    FILE* file = std::fopen(name.c_str(), "w");
    write_to(file);
    std::fclose(file);
  }

  const std::string key_file_ = ::testing::TempDir() + "lepus_tls_key.pem";
  const std::string certificate_file_ = ::testing::TempDir() + "lepus_tls_certificate.pem";
};

class TlsClient {
 public:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

  explicit TlsClient(const boost::asio::ip::tcp::endpoint& endpoint) : octets_(context_) {
    octets_.stream().lowest_layer().connect(endpoint);
    octets_.stream().handshake(Stream::client);
  }

  OctetClient<Stream>& octets() { return octets_; }

 private:
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  OctetClient<Stream> octets_;
};

ListenerOptions tls_options(const TlsSettings& settings) {
  auto context = TlsContext::make(settings);
  EXPECT_TRUE(context);
  return {.make_stream = [context = *context](int socket) { return context->make_stream(socket); },
          .is_tls = true};
}

TEST(TlsStream, AClientLogsInOverTls) {
  const SelfSigned self_signed;
  TestBroker broker(1, tls_options(self_signed.settings()));
  TlsClient client(broker.endpoint());
  log_in(client.octets());
  std::vector<model::ConnectionRow> rows;
  broker.shard(0)
      .run(
          [&] { connection::ConnectionWalk{broker.shard(0).connections()}.append_rows(rows, 100); })
      .wait();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].tls);
  EXPECT_EQ(rows[0].tls_protocol, "tlsv1.3");
  EXPECT_NE(rows[0].tls_cipher, "");
}

TEST(TlsStream, TheEndOfTheCertificateIsTold) {
  const SelfSigned self_signed;
  const auto context = TlsContext::make(self_signed.settings());
  ASSERT_TRUE(context);
  const auto expires_at_s = (*context)->expires_at_s();
  ASSERT_TRUE(expires_at_s);
  constexpr std::int64_t hour_s = 3600;
  const std::int64_t now_s = SystemClock{}.wall_ms() / 1000;
  EXPECT_GT(*expires_at_s, now_s);
  EXPECT_LE(*expires_at_s, now_s + hour_s);
}

TEST(TlsStream, ABadProtocolHeaderGetsTheRightOneAndACleanEnd) {
  const SelfSigned self_signed;
  TestBroker broker(1, tls_options(self_signed.settings()));
  TlsClient client(broker.endpoint());
  client.octets().send("GET / HT" + std::string(200'000, 'x'));
  EXPECT_EQ(client.octets().receive_rest(), protocol_header);
  EXPECT_EQ(client.octets().error(), boost::asio::error::eof);  // not stream_truncated
}

TEST(TlsStream, WhoSpeaksPlainlyIsDropped) {
  const SelfSigned self_signed;
  TestBroker broker(1, tls_options(self_signed.settings()));
  RawClient client(broker.endpoint());
  client.send(protocol_header);
  client.receive_rest();
  EXPECT_TRUE(client.error());
  while (broker.connection_count(0) != 0) {
  }
}

TEST(TlsStream, AVersionThatIsNotOfferedIsRefused) {
  const SelfSigned self_signed;
  TlsSettings settings = self_signed.settings();
  settings.versions = {"tlsv1.2"};
  TestBroker broker(1, tls_options(settings));
  boost::asio::ssl::context context(boost::asio::ssl::context::tlsv13_client);
  OctetClient<TlsClient::Stream> client(context);
  client.stream().lowest_layer().connect(broker.endpoint());
  boost::system::error_code error;
  client.stream().handshake(TlsClient::Stream::client, error);
  EXPECT_TRUE(error);
}

TEST(TlsStream, AMissingCertificateIsAnErrorThatNamesTheFile) {
  const auto context = TlsContext::make({.certificate_file = "/nowhere/certificate.pem"});
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().text.find("/nowhere/certificate.pem"), std::string::npos);
}

}  // namespace
}  // namespace lepus::transport
