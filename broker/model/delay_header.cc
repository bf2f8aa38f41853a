#include "broker/model/delay_header.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "amqp/basic_properties.h"

namespace lepus::model {

namespace {

constexpr std::string_view delay_header = "x-delay";

std::optional<std::int64_t> whole(double number) {
  const double limit = static_cast<double>(delay_ms_max) + 1.0;
  return std::abs(number) < limit ? std::optional{static_cast<std::int64_t>(number)} : std::nullopt;
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number ? std::optional{number} : std::nullopt;
}

std::optional<std::int64_t> number_in(const amqp::FieldValue& value) {
  if (const std::string* text = value.as_string()) {
    return whole(*text);
  }
  if (const float* number = value.get_if<float>()) {
    return whole(static_cast<double>(*number));
  }
  if (const double* number = value.get_if<double>()) {
    return whole(*number);
  }
  return value.as_integer();
}

MessagePtr copy_of(const Message& message, std::string_view headers,
                   const Message::Traits& traits) {
  auto properties = amqp::decode_properties(message.properties()).value_or(amqp::BasicProperties{});
  properties.headers = amqp::FieldTableView{headers};
  auto copy = Message::create(message.exchange(), message.routing_key(),
                              amqp::encode_properties(properties), message.body().size(), traits);
  copy->append_body(message.body());
  return copy;
}

}  // namespace

std::int64_t delay_ms_of(const amqp::FieldTable* headers) {
  const amqp::FieldValue* value = headers == nullptr ? nullptr : headers->find(delay_header);
  const std::int64_t delay_ms = value == nullptr ? 0 : number_in(*value).value_or(0);
  return delay_ms > 0 && delay_ms <= delay_ms_max ? delay_ms : 0;
}

std::int64_t delay_ms_of(const Message& message) {
  const auto properties = amqp::decode_properties(message.properties());
  if (!properties || !properties->headers) {
    return 0;
  }
  const auto headers = amqp::FieldTable::decode(properties->headers->bytes);
  return headers ? delay_ms_of(&*headers) : 0;
}

MessagePtr with_headers(const Message& message, std::string_view headers) {
  return copy_of(message, headers, message.traits());
}

Released release(const Message& message, std::int64_t time_ms) {
  const auto properties =
      amqp::decode_properties(message.properties()).value_or(amqp::BasicProperties{});
  amqp::FieldTable headers;
  if (properties.headers) {
    headers = amqp::FieldTable::decode(properties.headers->bytes).value_or(amqp::FieldTable{});
  }
  headers.set(delay_header, -delay_ms_of(&headers));
  Released released{.routing_headers = headers.encode(), .message = nullptr};
  headers.erase("BCC");
  Message::Traits traits = message.traits();
  traits.published_ms = time_ms;
  released.message = copy_of(message, headers.encode(), traits);
  return released;
}

}  // namespace lepus::model
