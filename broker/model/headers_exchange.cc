#include "broker/model/headers_exchange.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "amqp/erlang_term.h"
#include "broker/model/field_comparison.h"

namespace lepus::model {

namespace {

constexpr std::string_view mode_argument = "x-match";
constexpr std::array<std::string_view, 4> modes{"all", "any", "all-with-x", "any-with-x"};

bool field_matches(const amqp::Field& field, const amqp::FieldTable& headers) {
  const amqp::FieldValue* value = headers.find(field.name);
  if (value == nullptr) {
    return false;
  }
  // A pattern without a value asks for the header alone.
  return field.value.get_if<amqp::Void>() != nullptr || equal_values(field.value, *value);
}

}  // namespace

HeadersPattern make_headers_pattern(const amqp::FieldTable& arguments) {
  HeadersPattern pattern;
  if (const amqp::FieldValue* mode = arguments.find(mode_argument)) {
    if (const std::string* word = mode->as_string()) {
      pattern.any = *word == "any" || *word == "any-with-x";
      pattern.with_x = *word == "all-with-x" || *word == "any-with-x";
    }
  }
  for (const amqp::Field& field : arguments.fields()) {
    if (field.name != mode_argument && (pattern.with_x || !field.name.starts_with("x-"))) {
      pattern.fields.push_back(&field);
    }
  }
  return pattern;
}

bool headers_match(const HeadersPattern& pattern, const amqp::FieldTable* headers) {
  if (headers == nullptr || headers->empty()) {
    return !pattern.any && pattern.fields.empty();
  }
  const auto matches = [&](const amqp::Field* field) { return field_matches(*field, *headers); };
  return pattern.any ? std::ranges::any_of(pattern.fields, matches)
                     : std::ranges::all_of(pattern.fields, matches);
}

std::optional<ProtocolError> check_headers_binding(const amqp::FieldTable& arguments) {
  const amqp::FieldValue* mode = arguments.find(mode_argument);
  if (mode == nullptr) {
    return std::nullopt;
  }
  const std::string* word = mode->as_string();
  if (word == nullptr) {
    return ProtocolError{amqp::ReplyCode::precondition_failed,
                         fmt::format("Invalid x-match field type {} (value {}); expected longstr",
                                     amqp::type_name(*mode), amqp::erlang_value(*mode))};
  }
  if (std::ranges::find(modes, *word) == modes.end()) {
    return ProtocolError{
        amqp::ReplyCode::precondition_failed,
        fmt::format("Invalid x-match field value {}; expected all, any, all-with-x, or any-with-x",
                    amqp::erlang_binary(*word))};
  }
  return std::nullopt;
}

std::optional<ProtocolError> HeadersExchange::check_binding(const BindingDescription& binding,
                                                            const QueueRecord* /*queue*/) const {
  return check_headers_binding(binding.arguments);
}

void HeadersExchange::match(const RoutingInput& input, std::vector<const Binding*>& matched) const {
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    if (headers_match(patterns_[i], input.headers)) {
      matched.push_back(all_.all()[i]);
    }
  }
}

void HeadersExchange::index_binding(Binding& binding) {
  all_.add(binding);
  patterns_.push_back(make_headers_pattern(binding.arguments));
}

void HeadersExchange::unindex_binding(Binding& binding) {
  // The bucket moves its last binding into the gap; the patterns follow.
  patterns_[binding.bucket_index] = std::move(patterns_.back());
  patterns_.pop_back();
  all_.remove(binding);
}

}  // namespace lepus::model
