#include <algorithm>
#include <array>
#include <limits>

#include "broker/model/policy.h"
#include "broker/model/queue_arguments.h"

// What policies and arguments say together.

namespace lepus::model {

namespace {

constexpr std::array<std::string_view, 7> limit_keys{
    "delivery-limit", "expires",          "max-in-memory-bytes", "max-in-memory-length",
    "max-length",     "max-length-bytes", "message-ttl",
};

/// Of these the operator's value counts.
constexpr std::array<std::string_view, 6> other_operator_keys{
    "ha-mode", "ha-params", "ha-sync-mode", "overflow", "queue-version", "target-group-size",
};

const amqp::FieldTable* definition_of(const std::shared_ptr<const Policy>& policy) {
  return policy == nullptr ? nullptr : &policy->description().definition;
}

/// A limit of a definition, if it is one.
std::optional<std::int64_t> limit_in(const amqp::FieldTable& definition, std::string_view key,
                                     std::int64_t max) {
  const amqp::FieldValue* value = definition.find(key);
  const auto number = value == nullptr ? std::nullopt : value->as_integer();
  return number && *number >= 0 ? std::optional{std::min(*number, max)} : std::nullopt;
}

template <typename Number>
void lower(std::optional<Number>& limit, const std::optional<std::int64_t>& other) {
  if (other && (!limit || static_cast<Number>(*other) < *limit)) {
    limit = static_cast<Number>(*other);
  }
}

/// Unless an argument has set it.
void set_name(std::optional<std::string>& name, const amqp::FieldTable& definition,
              std::string_view key) {
  const amqp::FieldValue* value = definition.find(key);
  if (const std::string* text = value == nullptr ? nullptr : value->as_string(); text && !name) {
    name = *text;
  }
}

void set_overflow(QueueSettings& settings, const QueueRecord& queue,
                  const amqp::FieldTable& definition) {
  const amqp::FieldValue* value = definition.find("overflow");
  const std::string* word = value == nullptr ? nullptr : value->as_string();
  const bool argument_wins =
      settings.type == QueueType::classic && queue.arguments.find("x-overflow") != nullptr;
  if (word != nullptr && !argument_wins) {
    settings.overflow = overflow_from(*word, settings.type).value_or(settings.overflow);
  }
}

void set_dead_letter_strategy(QueueSettings& settings, const QueueRecord& queue,
                              const amqp::FieldTable& definition) {
  const amqp::FieldValue* value = definition.find("dead-letter-strategy");
  const std::string* word = value == nullptr ? nullptr : value->as_string();
  if (word != nullptr && queue.arguments.find("x-dead-letter-strategy") == nullptr) {
    settings.dead_letters_at_least_once = *word == "at-least-once";
  }
}

}  // namespace

bool is_limit_key(std::string_view key) {
  return std::ranges::find(limit_keys, key) != limit_keys.end();
}

bool is_operator_key(std::string_view key) {
  return is_limit_key(key) ||
         std::ranges::find(other_operator_keys, key) != other_operator_keys.end();
}

amqp::FieldTable merged_definition(const AppliedPolicies& policies) {
  const amqp::FieldTable* ordinary = definition_of(policies.policy);
  const amqp::FieldTable* of_operator = definition_of(policies.operator_policy);
  if (ordinary == nullptr || of_operator == nullptr) {
    const amqp::FieldTable* only = ordinary == nullptr ? of_operator : ordinary;
    return only == nullptr ? amqp::FieldTable{} : *only;
  }
  amqp::FieldTable merged = *ordinary;
  for (const amqp::Field& field : of_operator->fields()) {
    const amqp::FieldValue* other = merged.find(field.name);
    const auto limit = field.value.as_integer();
    const auto other_limit = other == nullptr ? std::nullopt : other->as_integer();
    const bool stays = limit && other_limit && *other_limit <= *limit && is_limit_key(field.name);
    if (!stays) {
      merged.set(field.name, field.value);
    }
  }
  return merged;
}

QueueSettings effective_settings(const QueueRecord& queue, const AppliedPolicies& policies) {
  QueueSettings settings = queue.settings;
  if (policies.policy == nullptr && policies.operator_policy == nullptr) {
    return settings;
  }
  const amqp::FieldTable definition = merged_definition(policies);
  constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
  lower(settings.message_ttl_ms, limit_in(definition, "message-ttl", duration_max_ms));
  lower(settings.expires_ms, limit_in(definition, "expires", duration_max_ms));
  lower(settings.max_length, limit_in(definition, "max-length", unlimited));
  lower(settings.max_length_bytes, limit_in(definition, "max-length-bytes", unlimited));
  if (settings.type == QueueType::quorum) {
    lower(settings.delivery_limit,
          limit_in(definition, "delivery-limit", std::numeric_limits<std::uint32_t>::max()));
  }
  settings.consumer_timeout_ms = shorter_consumer_timeout(
      settings.consumer_timeout_ms, limit_in(definition, "consumer-timeout", duration_max_ms));
  set_name(settings.dead_letter_exchange, definition, "dead-letter-exchange");
  set_name(settings.dead_letter_routing_key, definition, "dead-letter-routing-key");
  set_dead_letter_strategy(settings, queue, definition);
  set_overflow(settings, queue, definition);
  return settings;
}

}  // namespace lepus::model
