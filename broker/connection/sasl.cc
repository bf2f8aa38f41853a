#include "broker/connection/sasl.h"

#include "amqp/types.h"

namespace lepus::connection {

namespace {

/// RFC 4616: authzid NUL authcid NUL password. As in RabbitMQ the authzid must be empty.
std::optional<Credentials> parse_plain(std::string_view response) {
  if (!response.starts_with('\0')) {
    return std::nullopt;
  }
  response.remove_prefix(1);
  const std::size_t end = response.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view password = response.substr(end + 1);
  if (password.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  return Credentials{std::string{response.substr(0, end)}, std::string{password}};
}

/// A field table without its length, with LOGIN and PASSWORD.
std::optional<Credentials> parse_amqplain(std::string_view response) {
  if (!amqp::is_valid_table(response)) {
    return std::nullopt;
  }
  const amqp::FieldTableView table{response};
  const auto login = table.find("LOGIN");
  const auto password = table.find("PASSWORD");
  if (!login || !password || !login->as_string() || !password->as_string()) {
    return std::nullopt;
  }
  return Credentials{std::string{*login->as_string()}, std::string{*password->as_string()}};
}

}  // namespace

std::optional<Credentials> parse_sasl_response(std::string_view mechanism,
                                               std::string_view response) {
  if (mechanism == "PLAIN") {
    return parse_plain(response);
  }
  if (mechanism == "AMQPLAIN") {
    return parse_amqplain(response);
  }
  return std::nullopt;
}

}  // namespace lepus::connection
