#pragma once

#include <string>

struct X509_name_st;

namespace lepus::transport {

/// "O=client,CN=orders": from the end, as RabbitMQ writes the subjects of certificates
/// (rabbit_cert_info), so that users who are named so can be carried over. Octets that are not
/// printable ASCII are escaped. Empty if a part of it is no text.
[[nodiscard]] std::string distinguished_name(const X509_name_st* name);

}  // namespace lepus::transport
