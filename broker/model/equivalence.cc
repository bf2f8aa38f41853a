#include "broker/model/equivalence.h"

#include <array>
#include <span>
#include <string>

#include <fmt/format.h>

#include "amqp/erlang_term.h"
#include "broker/model/exchange.h"
#include "broker/model/field_comparison.h"

namespace lepus::model {

namespace {

constexpr std::array classic_arguments{
    std::string_view{"x-expires"},
    std::string_view{"x-message-ttl"},
    std::string_view{"x-dead-letter-exchange"},
    std::string_view{"x-dead-letter-routing-key"},
    std::string_view{"x-max-length"},
    std::string_view{"x-max-length-bytes"},
    std::string_view{"x-max-priority"},
    std::string_view{"x-overflow"},
    std::string_view{"x-queue-mode"},
    std::string_view{"x-queue-version"},
    std::string_view{"x-single-active-consumer"},
    std::string_view{"x-queue-type"},
};

constexpr std::array quorum_arguments{
    std::string_view{"x-dead-letter-exchange"},
    std::string_view{"x-dead-letter-routing-key"},
    std::string_view{"x-dead-letter-strategy"},
    std::string_view{"x-expires"},
    std::string_view{"x-max-length"},
    std::string_view{"x-max-length-bytes"},
    std::string_view{"x-max-in-memory-length"},
    std::string_view{"x-max-in-memory-bytes"},
    std::string_view{"x-overflow"},
    std::string_view{"x-single-active-consumer"},
    std::string_view{"x-queue-type"},
    std::string_view{"x-quorum-initial-group-size"},
    std::string_view{"x-delivery-limit"},
    std::string_view{"x-message-ttl"},
    std::string_view{"x-queue-leader-locator"},
};

std::span<const std::string_view> compared_arguments(QueueType type) {
  switch (type) {
    case QueueType::classic:
      return classic_arguments;
    case QueueType::quorum:
      return quorum_arguments;
  }
  return {};
}

ProtocolError inequivalent(std::string_view argument, std::string_view described,
                           std::string_view received, std::string_view current) {
  return {amqp::ReplyCode::precondition_failed,
          fmt::format("inequivalent arg '{}' for {}: received {} but current is {}", argument,
                      described, received, current)};
}

std::optional<ProtocolError> compare_words(std::string_view argument, std::string_view described,
                                           std::string_view current, std::string_view received) {
  if (current == received) {
    return std::nullopt;
  }
  return inequivalent(argument, described, fmt::format("'{}'", received),
                      fmt::format("'{}'", current));
}

std::optional<ProtocolError> compare_flags(std::string_view argument, std::string_view described,
                                           bool current, bool received) {
  return compare_words(argument, described, current ? "true" : "false",
                       received ? "true" : "false");
}

/// Strings bare, everything else as a term.
std::string printed(const amqp::FieldValue& value) {
  const std::string* text = value.as_string();
  return text == nullptr ? amqp::erlang_value(value) : *text;
}

std::string printed_with_type(const amqp::FieldValue* value) {
  return value == nullptr
             ? "none"
             : fmt::format("the value '{}' of type '{}'", printed(*value), amqp::type_name(*value));
}

bool is_classic_type(std::string_view argument, const amqp::FieldValue* value) {
  return argument == "x-queue-type" && value != nullptr && value->as_string() != nullptr &&
         *value->as_string() == "classic";
}

std::optional<ProtocolError> compare_argument(std::string_view argument, std::string_view described,
                                              const amqp::FieldTable& current,
                                              const amqp::FieldTable& received) {
  const amqp::FieldValue* old_value = current.find(argument);
  const amqp::FieldValue* new_value = received.find(argument);
  if (old_value == nullptr && new_value == nullptr) {
    return std::nullopt;
  }
  if (old_value != nullptr && new_value != nullptr) {
    if (identical_values(*old_value, *new_value)) {
      return std::nullopt;
    }
    return inequivalent(argument, described, fmt::format("'{}'", printed(*new_value)),
                        fmt::format("'{}'", printed(*old_value)));
  }
  // Classic is what a queue is when nothing is said.
  if (is_classic_type(argument, old_value) || is_classic_type(argument, new_value)) {
    return std::nullopt;
  }
  return inequivalent(argument, described, printed_with_type(new_value),
                      printed_with_type(old_value));
}

}  // namespace

std::optional<ProtocolError> check_equivalent(const ExchangeRecord& current,
                                              const ExchangeRecord& declared) {
  const std::string described = describe_exchange(current.vhost, current.name);
  auto error = compare_words("type", described, name_of(current.type), name_of(declared.type));
  if (!error) {
    error = compare_flags("durable", described, current.durable, declared.durable);
  }
  if (!error) {
    error = compare_flags("auto_delete", described, current.auto_delete, declared.auto_delete);
  }
  if (!error) {
    error = compare_flags("internal", described, current.internal, declared.internal);
  }
  if (!error) {
    error =
        compare_argument("alternate-exchange", described, current.arguments, declared.arguments);
  }
  return error;
}

std::optional<ProtocolError> check_equivalent(const QueueRecord& current, bool durable,
                                              bool auto_delete, const amqp::FieldTable& arguments) {
  const std::string described = current.described();
  auto error = compare_flags("durable", described, current.durable, durable);
  if (!error) {
    error = compare_flags("auto_delete", described, current.auto_delete, auto_delete);
  }
  for (const std::string_view argument : compared_arguments(current.settings.type)) {
    if (error) {
      break;
    }
    error = compare_argument(argument, described, current.arguments, arguments);
  }
  return error;
}

}  // namespace lepus::model
