#include "broker/connection/publish_properties.h"

#include <algorithm>
#include <charconv>

#include "amqp/erlang_term.h"
#include "amqp/field_table.h"

namespace lepus::connection {

namespace {

/// 10 years of 365 days.
constexpr std::uint64_t expiration_max_ms = 315'360'000'000;

bool is_digit(char octet) {
  return octet >= '0' && octet <= '9';
}

model::ProtocolError invalid_expiration(std::string_view expiration, const std::string& why) {
  return {amqp::ReplyCode::precondition_failed,
          "invalid expiration '" + std::string{expiration} + "': " + why};
}

/// An Erlang string as ~p prints it, for what may stand behind a number.
std::string quoted_string(std::string_view text) {
  std::string result = "\"";
  for (const char octet : text) {
    if (octet == '"' || octet == '\\') {
      result += '\\';
    }
    result += octet;
  }
  return result + '"';
}

}  // namespace

model::Checked<std::uint64_t> parse_expiration(std::string_view expiration) {
  std::string_view rest = expiration;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  const auto digits_end = std::find_if_not(rest.begin(), rest.end(), is_digit);
  const std::string_view digits =
      rest.substr(0, static_cast<std::size_t>(digits_end - rest.begin()));
  rest.remove_prefix(digits.size());
  if (digits.empty()) {
    return invalid_expiration(expiration, "no_integer");
  }
  if (!rest.empty()) {
    return invalid_expiration(expiration, "{leftover_string," + quoted_string(rest) + "}");
  }
  // Leading zeros are not part of the number as it is printed.
  const std::string_view number =
      digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  std::uint64_t value_ms = 0;
  const auto [end, error] = std::from_chars(number.begin(), number.end(), value_ms);
  const bool too_large = error != std::errc{} || value_ms > expiration_max_ms;
  if (negative && (too_large || value_ms != 0)) {
    return invalid_expiration(expiration, "{value_negative,-" + std::string{number} + "}");
  }
  if (too_large) {
    return invalid_expiration(expiration, "{value_too_large," + std::string{number} + "}");
  }
  return value_ms;
}

bool may_have_extra_keys(amqp::FieldTableView headers) {
  using namespace std::string_view_literals;
  return !headers.empty() && (headers.bytes.find("\2CC"sv) != std::string_view::npos ||
                              headers.bytes.find("\3BCC"sv) != std::string_view::npos);
}

std::optional<model::ProtocolError> check_extra_keys(amqp::FieldTableView headers) {
  for (const std::string_view name : {"CC", "BCC"}) {
    const auto value = headers.find(name);
    if (value && value->type != 'A') {
      return model::ProtocolError{amqp::ReplyCode::precondition_failed,
                                  "invalid message: {unacceptable_type_in_header,\"" +
                                      std::string{name} + "\"," +
                                      std::string{amqp::type_name(value->decode())} + "}"};
    }
  }
  return std::nullopt;
}

std::string rewrite_properties(std::string_view properties,
                               std::optional<std::string_view> reply_to) {
  auto decoded = amqp::decode_properties(properties);
  if (!decoded) {
    return std::string{properties};  // Not possible: they were validated.
  }
  std::string headers;
  if (decoded->headers && decoded->headers->find("BCC")) {
    amqp::FieldTable table = decoded->headers->decode();
    table.erase("BCC");
    headers = table.encode();
    decoded->headers = amqp::FieldTableView{headers};
  }
  if (reply_to) {
    decoded->reply_to = reply_to;
  }
  return amqp::encode_properties(*decoded);
}

}  // namespace lepus::connection
