#include "broker/model/queue_arguments.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace lepus::model {

namespace {

constexpr std::int64_t priority_max = 255;

/// Where a rule finds the value and what it fills. A rule answers why the value is refused, as
/// RabbitMQ prints it, or an empty string.
struct Argument {
  const amqp::FieldValue& value;
  const amqp::FieldTable& all;
  QueueSettings& settings;
};

using Rule = std::string (*)(const Argument& argument);

struct NamedRule {
  std::string_view name;
  Rule rule;
};

std::string unacceptable_type(const amqp::FieldValue& value) {
  return fmt::format("{{unacceptable_type,{}}}", amqp::type_name(value));
}

std::string check_integer(const amqp::FieldValue& value) {
  return value.as_integer() ? std::string{}
                            : fmt::format("\"expected integer, got {}\"", amqp::type_name(value));
}

std::string check_not_negative(const amqp::FieldValue& value) {
  std::string why = check_integer(value);
  if (why.empty() && *value.as_integer() < 0) {
    why = fmt::format("{{value_negative,{}}}", *value.as_integer());
  }
  return why;
}

std::string check_positive(const amqp::FieldValue& value) {
  std::string why = check_integer(value);
  if (why.empty() && *value.as_integer() == 0) {
    return "{value_zero,0}";
  }
  return why.empty() ? check_not_negative(value) : why;
}

std::string check_not_above(const amqp::FieldValue& value, std::int64_t max) {
  return *value.as_integer() > max ? fmt::format("{{value_too_large,{}}}", *value.as_integer())
                                   : std::string{};
}

/// A dead letter carries it as a short string.
std::string check_short_string(const std::string& text) {
  return text.size() > amqp::short_string_max_bytes
             ? fmt::format("{{value_too_long,{}}}", text.size())
             : std::string{};
}

std::string accept(const Argument& /*argument*/) {
  return {};
}

std::string check_expires(const Argument& argument) {
  std::string why = check_positive(argument.value);
  if (why.empty()) {
    why = check_not_above(argument.value, duration_max_ms);
  }
  if (why.empty()) {
    argument.settings.expires_ms = argument.value.as_integer();
  }
  return why;
}

std::string check_message_ttl(const Argument& argument) {
  std::string why = check_not_negative(argument.value);
  if (why.empty()) {
    why = check_not_above(argument.value, duration_max_ms);
  }
  if (why.empty()) {
    argument.settings.message_ttl_ms = argument.value.as_integer();
  }
  return why;
}

std::string check_dead_letter_exchange(const Argument& argument) {
  // Its type was checked before all else.
  const std::string& name = *argument.value.as_string();
  argument.settings.dead_letter_exchange = name;
  return check_short_string(name);
}

std::string check_dead_letter_routing_key(const Argument& argument) {
  const std::string* key = argument.value.as_string();
  if (key == nullptr) {
    return unacceptable_type(argument.value);
  }
  if (argument.all.find("x-dead-letter-exchange") == nullptr) {
    return "routing_key_but_no_dlx_defined";
  }
  argument.settings.dead_letter_routing_key = *key;
  return check_short_string(*key);
}

std::string check_word(const amqp::FieldValue& value, std::initializer_list<std::string_view> words,
                       std::string_view refusal) {
  const std::string* word = value.as_string();
  if (word == nullptr) {
    return unacceptable_type(value);
  }
  return std::ranges::find(words, *word) == words.end() ? std::string{refusal} : std::string{};
}

std::string check_dead_letter_strategy(const Argument& argument) {
  std::string why =
      check_word(argument.value, {"at-most-once", "at-least-once"}, "invalid_dlx_strategy");
  if (why.empty()) {
    argument.settings.dead_letters_at_least_once = *argument.value.as_string() == "at-least-once";
  }
  return why;
}

std::string check_max_length(const Argument& argument) {
  std::string why = check_not_negative(argument.value);
  if (why.empty()) {
    argument.settings.max_length = static_cast<std::uint64_t>(*argument.value.as_integer());
  }
  return why;
}

std::string check_max_length_bytes(const Argument& argument) {
  std::string why = check_not_negative(argument.value);
  if (why.empty()) {
    argument.settings.max_length_bytes = static_cast<std::uint64_t>(*argument.value.as_integer());
  }
  return why;
}

std::string check_not_negative_and_ignore(const Argument& argument) {
  return check_not_negative(argument.value);
}

std::string check_positive_and_ignore(const Argument& argument) {
  return check_positive(argument.value);
}

std::string check_max_priority(const Argument& argument) {
  std::string why = check_not_negative(argument.value);
  if (!why.empty()) {
    return why;
  }
  const std::int64_t priority = *argument.value.as_integer();
  if (priority > priority_max) {
    return fmt::format("{{max_value_exceeded,{}}}", priority);
  }
  argument.settings.max_priority = static_cast<std::uint8_t>(priority);
  return {};
}

std::string check_overflow(const Argument& argument) {
  std::string why = check_word(
      argument.value, {"drop-head", "reject-publish", "reject-publish-dlx"}, "invalid_overflow");
  if (!why.empty()) {
    return why;
  }
  argument.settings.overflow = *overflow_from(*argument.value.as_string(), argument.settings.type);
  return {};
}

std::string check_queue_mode(const Argument& argument) {
  const std::string* mode = argument.value.as_string();
  return check_word(
      argument.value, {"default", "lazy"},
      mode == nullptr ? std::string{} : fmt::format("\"unsupported queue mode '{}'\"", *mode));
}

std::string check_queue_version(const Argument& argument) {
  std::string why = check_not_negative(argument.value);
  if (!why.empty()) {
    return why;
  }
  const std::int64_t version = *argument.value.as_integer();
  return version == 1 || version == 2 ? std::string{}
                                      : fmt::format("\"unsupported queue version '{}'\"", version);
}

std::string check_single_active_consumer(const Argument& argument) {
  const bool* single = argument.value.get_if<bool>();
  if (single == nullptr) {
    return unacceptable_type(argument.value);
  }
  argument.settings.single_active_consumer = *single;
  return {};
}

std::string check_delivery_limit(const Argument& argument) {
  // Any value is accepted; what is no count limits nothing.
  const auto limit = argument.value.as_integer();
  if (limit && *limit >= 0 && *limit <= std::numeric_limits<std::uint32_t>::max()) {
    argument.settings.delivery_limit = static_cast<std::uint32_t>(*limit);
  }
  return {};
}

std::string check_consumer_timeout(const Argument& argument) {
  argument.settings.consumer_timeout_ms = consumer_timeout_from(argument.value.as_integer());
  return {};
}

std::string check_leader_locator(const Argument& argument) {
  return check_word(argument.value, {"client-local", "balanced", "random", "least-leaders"},
                    "invalid_queue_locator_arg");
}

constexpr std::array classic_rules{
    NamedRule{"x-expires", check_expires},
    NamedRule{"x-message-ttl", check_message_ttl},
    NamedRule{"x-dead-letter-exchange", check_dead_letter_exchange},
    NamedRule{"x-dead-letter-routing-key", check_dead_letter_routing_key},
    NamedRule{"x-max-length", check_max_length},
    NamedRule{"x-max-length-bytes", check_max_length_bytes},
    NamedRule{"x-max-priority", check_max_priority},
    NamedRule{"x-overflow", check_overflow},
    NamedRule{"x-queue-mode", check_queue_mode},
    NamedRule{"x-queue-version", check_queue_version},
    NamedRule{"x-single-active-consumer", check_single_active_consumer},
    NamedRule{"x-queue-type", accept},
    NamedRule{"x-queue-master-locator", accept},
    NamedRule{"x-consumer-timeout", check_consumer_timeout},
};

constexpr std::array quorum_rules{
    NamedRule{"x-expires", check_expires},
    NamedRule{"x-message-ttl", check_message_ttl},
    NamedRule{"x-dead-letter-exchange", check_dead_letter_exchange},
    NamedRule{"x-dead-letter-routing-key", check_dead_letter_routing_key},
    NamedRule{"x-dead-letter-strategy", check_dead_letter_strategy},
    NamedRule{"x-max-length", check_max_length},
    NamedRule{"x-max-length-bytes", check_max_length_bytes},
    NamedRule{"x-max-in-memory-length", check_not_negative_and_ignore},
    NamedRule{"x-max-in-memory-bytes", check_not_negative_and_ignore},
    NamedRule{"x-overflow", check_overflow},
    NamedRule{"x-single-active-consumer", check_single_active_consumer},
    NamedRule{"x-queue-type", accept},
    NamedRule{"x-quorum-initial-group-size", check_positive_and_ignore},
    NamedRule{"x-delivery-limit", check_delivery_limit},
    NamedRule{"x-queue-leader-locator", check_leader_locator},
    NamedRule{"x-consumer-timeout", check_consumer_timeout},
};

/// What streams alone know. Not x-stream-filter-size-bytes: RabbitMQ forgot it, and accepts it as
/// what nobody knows.
constexpr std::array stream_arguments{
    std::string_view{"x-max-age"},
    std::string_view{"x-stream-max-segment-size-bytes"},
    std::string_view{"x-initial-cluster-size"},
};

std::span<const NamedRule> rules_of(QueueType type) {
  switch (type) {
    case QueueType::classic:
      return classic_rules;
    case QueueType::quorum:
      return quorum_rules;
  }
  return {};
}

bool has_rule(QueueType type, std::string_view name) {
  const auto rules = rules_of(type);
  return std::ranges::find(rules, name, &NamedRule::name) != rules.end();
}

bool is_known(std::string_view name) {
  return has_rule(QueueType::classic, name) || has_rule(QueueType::quorum, name) ||
         std::ranges::find(stream_arguments, name) != stream_arguments.end();
}

ProtocolError invalid_argument(std::string_view name, std::string_view described,
                               std::string_view why) {
  return {amqp::ReplyCode::precondition_failed,
          fmt::format("invalid arg '{}' for {}: {}", name, described, why)};
}

std::optional<QueueType> queue_type_from(std::string_view word) {
  if (word == "classic") {
    return QueueType::classic;
  }
  if (word == "quorum") {
    return QueueType::quorum;
  }
  return std::nullopt;
}

Checked<QueueType> check_queue_type(const amqp::FieldTable& arguments, std::string_view described) {
  const amqp::FieldValue* value = arguments.find("x-queue-type");
  if (value == nullptr) {
    return QueueType::classic;
  }
  const std::string* word = value->as_string();
  if (word == nullptr) {
    return invalid_argument("x-queue-type", described, unacceptable_type(*value));
  }
  const auto type = queue_type_from(*word);
  if (!type) {
    return invalid_argument("x-queue-type", described,
                            fmt::format("\"unsupported queue type '{}'\"", *word));
  }
  return *type;
}

}  // namespace

std::string_view module_name_of(QueueType type) {
  switch (type) {
    case QueueType::classic:
      return "rabbit_classic_queue";
    case QueueType::quorum:
      return "rabbit_quorum_queue";
  }
  return {};
}

std::optional<QueueSettings::Overflow> overflow_from(std::string_view word, QueueType type) {
  using Overflow = QueueSettings::Overflow;
  if (word == "drop-head") {
    return Overflow::drop_head;
  }
  if (word == "reject-publish") {
    return Overflow::reject_publish;
  }
  if (word == "reject-publish-dlx") {
    // Quorum queues take the word and drop the head all the same.
    return type == QueueType::quorum ? Overflow::drop_head : Overflow::reject_publish_dlx;
  }
  return std::nullopt;
}

std::optional<std::int64_t> consumer_timeout_from(std::optional<std::int64_t> number) {
  return number && *number >= 0 ? std::optional{std::min(*number, duration_max_ms)} : std::nullopt;
}

std::optional<std::int64_t> shorter_consumer_timeout(std::optional<std::int64_t> one,
                                                     std::optional<std::int64_t> other) {
  if (!one || !other) {
    return one ? one : other;
  }
  // 0 is the longest.
  return *one == 0 || *other == 0 ? std::max(*one, *other) : std::min(*one, *other);
}

Checked<QueueSettings> check_queue_arguments(const amqp::FieldTable& arguments,
                                             std::string_view described) {
  const auto dead_letter_exchange = dead_letter_exchange_of(arguments, described);
  if (!dead_letter_exchange) {
    return dead_letter_exchange.error();
  }
  const auto type = check_queue_type(arguments, described);
  if (!type) {
    return type.error();
  }
  QueueSettings settings;
  settings.type = *type;
  for (const NamedRule& named : rules_of(*type)) {
    const amqp::FieldValue* value = arguments.find(named.name);
    if (value == nullptr) {
      continue;
    }
    if (const std::string why = named.rule({*value, arguments, settings}); !why.empty()) {
      return invalid_argument(named.name, described, why);
    }
  }
  for (const amqp::Field& field : arguments.fields()) {
    if (!has_rule(*type, field.name) && is_known(field.name)) {
      return ProtocolError{amqp::ReplyCode::precondition_failed,
                           fmt::format("invalid arg '{}' for {} of queue type {}", field.name,
                                       described, module_name_of(*type))};
    }
  }
  return settings;
}

std::optional<ProtocolError> check_queue_properties(QueueType type, bool durable, bool exclusive,
                                                    bool auto_delete, std::string_view described) {
  if (type == QueueType::classic) {
    return std::nullopt;
  }
  // Exclusive queues are never durable, so exclusive comes before durable.
  const std::string_view refused = auto_delete ? "auto-delete"
                                   : exclusive ? "exclusive-owner"
                                   : durable   ? ""
                                               : "non-durable";
  if (refused.empty()) {
    return std::nullopt;
  }
  return ProtocolError{amqp::ReplyCode::precondition_failed,
                       fmt::format("invalid property '{}' for {}", refused, described)};
}

std::optional<ProtocolError> check_server_named(const amqp::FieldTable& arguments) {
  std::string_view type;
  if (const amqp::FieldValue* value = arguments.find("x-queue-type")) {
    const std::string* word = value->as_string();
    type = word == nullptr ? std::string_view{} : *word;
  }
  if (type != "quorum" && type != "stream") {
    return std::nullopt;
  }
  return ProtocolError{
      amqp::ReplyCode::precondition_failed,
      fmt::format("Cannot declare a server-named queue for type rabbit_{}_queue", type)};
}

Checked<std::optional<std::string>> dead_letter_exchange_of(const amqp::FieldTable& arguments,
                                                            std::string_view described) {
  return name_argument(arguments, "x-dead-letter-exchange", described);
}

Checked<std::optional<std::string>> name_argument(const amqp::FieldTable& arguments,
                                                  std::string_view argument,
                                                  std::string_view described) {
  const amqp::FieldValue* value = arguments.find(argument);
  if (value == nullptr) {
    return std::optional<std::string>{};
  }
  const std::string* name = value->as_string();
  if (name == nullptr) {
    return ProtocolError{amqp::ReplyCode::precondition_failed,
                         fmt::format("invalid type '{}' for arg '{}' in {}",
                                     amqp::type_name(*value), argument, described)};
  }
  return std::optional<std::string>{*name};
}

}  // namespace lepus::model
