#include "broker/model/policy_check.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "amqp/erlang_term.h"
#include "broker/model/queue_arguments.h"

namespace lepus::model {

namespace {

/// A value that came as JSON, as RabbitMQ prints it: objects are Erlang's maps.
std::string term_of(const amqp::FieldValue& value) {
  if (value.get_if<amqp::Void>() != nullptr) {
    return "null";
  }
  std::string text;
  if (const auto* table = value.get_if<amqp::FieldTable>()) {
    for (const amqp::Field& field : table->fields()) {
      text += fmt::format("{}{} => {}", text.empty() ? "" : ",", amqp::erlang_binary(field.name),
                          term_of(field.value));
    }
    return "#{" + text + "}";
  }
  if (const auto* array = value.get_if<amqp::FieldArray>()) {
    for (const amqp::FieldValue& element : array->values()) {
      text += (text.empty() ? "" : ",") + term_of(element);
    }
    return "[" + text + "]";
  }
  return amqp::erlang_value(value);
}

bool is_number_from(const amqp::FieldValue& value, std::int64_t min) {
  const auto number = value.as_integer();
  return number && *number >= min;
}

bool is_count(const amqp::FieldValue& value) {
  return is_number_from(value, 0);
}

bool is_positive(const amqp::FieldValue& value) {
  return is_number_from(value, 1);
}

bool is_text(const amqp::FieldValue& value) {
  return value.as_string() != nullptr;
}

bool is_one_of(const amqp::FieldValue& value, std::initializer_list<std::string_view> words) {
  const std::string* word = value.as_string();
  return word != nullptr && std::ranges::find(words, *word) != words.end();
}

bool is_overflow(const amqp::FieldValue& value) {
  return is_text(value) && overflow_from(*value.as_string(), QueueType::classic);
}

bool is_strategy(const amqp::FieldValue& value) {
  return is_one_of(value, {"at-most-once", "at-least-once"});
}

bool is_mode(const amqp::FieldValue& value) {
  return is_one_of(value, {"default", "lazy"});
}

bool is_version(const amqp::FieldValue& value) {
  const auto version = value.as_integer();
  return version == 1 || version == 2;
}

/// "12h": a number above 0 and a unit.
bool is_age(const amqp::FieldValue& value) {
  const std::string* age = value.as_string();
  constexpr std::string_view units = "YMDhms";
  return age != nullptr && age->size() >= 2 && units.find(age->back()) != std::string_view::npos &&
         std::all_of(age->begin(), age->end() - 1,
                     [](char octet) { return octet >= '0' && octet <= '9'; }) &&
         std::any_of(age->begin(), age->end() - 1, [](char digit) { return digit != '0'; });
}

bool is_segment_size(const amqp::FieldValue& value) {
  constexpr std::int64_t segment_max_bytes = 3'000'000'000;
  return is_count(value) && *value.as_integer() <= segment_max_bytes;
}

bool is_filter_size(const amqp::FieldValue& value) {
  return is_number_from(value, 16) && *value.as_integer() <= 255;
}

bool is_leader_locator(const amqp::FieldValue& value) {
  return is_one_of(value, {"client-local", "balanced", "random", "least-leaders"});
}

bool is_master_locator(const amqp::FieldValue& value) {
  return is_one_of(value, {"client-local", "min-masters", "random"});
}

bool is_promotion(const amqp::FieldValue& value) {
  return is_one_of(value, {"always", "when-synced"});
}

bool is_anything(const amqp::FieldValue& /*value*/) {
  return true;
}

std::optional<double> number_in(const amqp::FieldValue& value) {
  if (const double* number = value.get_if<double>()) {
    return *number;
  }
  const auto whole = value.as_integer();
  return whole ? std::optional{static_cast<double>(*whole)} : std::nullopt;
}

/// A key of a definition.
struct KeyRule {
  std::string_view key;
  bool (*is_valid)(const amqp::FieldValue& value);
  std::string_view refusal;  ///< behind the value
};

constexpr std::array rules{
    KeyRule{"alternate-exchange", is_text, "is not a valid alternate exchange name"},
    KeyRule{"consumer-timeout", is_count, "is not a valid consumer timeout"},
    KeyRule{"dead-letter-exchange", is_text, "is not a valid dead letter exchange name"},
    KeyRule{"dead-letter-routing-key", is_text, "is not a valid dead letter routing key"},
    KeyRule{"dead-letter-strategy", is_strategy, "is not a valid dead letter strategy"},
    KeyRule{"delivery-limit", is_count, "is not a valid delivery limit"},
    KeyRule{"expires", is_positive, "is not a valid queue expiry"},
    KeyRule{"federation-upstream", is_text, "is not a valid upstream name"},
    KeyRule{"federation-upstream-pattern", is_text, "is not a valid upstream pattern"},
    KeyRule{"federation-upstream-set", is_text, "is not a valid upstream set name"},
    KeyRule{"ha-mode", is_anything, ""},
    KeyRule{"ha-params", is_anything, ""},
    KeyRule{"ha-promote-on-failure", is_anything, ""},
    KeyRule{"ha-promote-on-shutdown", is_anything, ""},
    KeyRule{"ha-sync-batch-size", is_anything, ""},
    KeyRule{"ha-sync-mode", is_anything, ""},
    KeyRule{"initial-cluster-size", is_count, "is not a valid cluster size"},
    KeyRule{"max-age", is_age, "is not a valid max age"},
    KeyRule{"max-in-memory-bytes", is_count, "is not a valid maximum memory in bytes"},
    KeyRule{"max-in-memory-length", is_count, "is not a valid maximum memory in bytes"},
    KeyRule{"max-length", is_count, "is not a valid maximum length"},
    KeyRule{"max-length-bytes", is_count, "is not a valid maximum length in bytes"},
    KeyRule{"message-ttl", is_count, "is not a valid message TTL"},
    KeyRule{"overflow", is_overflow, "is not a valid overflow value"},
    KeyRule{"queue-leader-locator", is_leader_locator, "is not a valid queue leader locator value"},
    KeyRule{"queue-master-locator", is_master_locator, "invalid queue-master-locator value"},
    KeyRule{"queue-mode", is_mode, "is not a valid queue-mode value"},
    KeyRule{"queue-version", is_version, "is not a valid queue-version value"},
    KeyRule{"stream-filter-size-bytes", is_filter_size,
            "is not a valid filter size. Valid range is 16-255"},
    KeyRule{"stream-max-segment-size-bytes", is_segment_size, "is not a valid segment size"},
    KeyRule{"target-group-size", is_count, "is not a valid target count"},
};

const KeyRule* find_rule(PolicyKind kind, std::string_view key) {
  const auto* rule = std::ranges::find(rules, key, &KeyRule::key);
  const bool is_known =
      rule != rules.end() && (kind == PolicyKind::ordinary || is_operator_key(key));
  return is_known ? rule : nullptr;
}

/// Where a classic queue would be mirrored to.
std::string check_mirrors(std::string_view mode, const amqp::FieldValue* parameters) {
  const std::string given = parameters == nullptr ? "none" : term_of(*parameters);
  if (mode == "all") {
    return parameters == nullptr ? "" : R"(ha-mode="all" does not take parameters)";
  }
  if (mode == "exactly") {
    return parameters != nullptr && is_positive(*parameters)
               ? std::string{}
               : fmt::format(R"(ha-mode="exactly" takes an integer, {} given)", given);
  }
  const auto* nodes = parameters == nullptr ? nullptr : parameters->get_if<amqp::FieldArray>();
  if (nodes == nullptr) {
    return fmt::format(R"(ha-mode="nodes" takes a list, {} given)", given);
  }
  if (nodes->values().empty()) {
    return R"(ha-mode="nodes" list must be non-empty)";
  }
  std::string others;
  for (const amqp::FieldValue& node : nodes->values()) {
    if (!is_text(node)) {
      others += (others.empty() ? "" : ",") + term_of(node);
    }
  }
  return others.empty()
             ? others
             : fmt::format(R"(ha-mode="nodes" takes a list of strings, [{}] was not a string)",
                           others);
}

/// A key of mirroring beside its mode, and what is said before the value that is refused.
struct MirroringOption {
  std::string_view key;
  bool (*is_valid)(const amqp::FieldValue& value);
  std::string_view refusal;  ///< for fmt::format, with the value
};

constexpr std::array mirroring_options{
    MirroringOption{"ha-sync-mode",
                    [](const amqp::FieldValue& value) {
                      return is_one_of(value, {"manual", "automatic"});
                    },
                    R"(ha-sync-mode must be "manual" or "automatic", got {})"},
    MirroringOption{"ha-sync-batch-size", is_positive,
                    "ha-sync-batch-size takes an integer greater than 0, {} given"},
    MirroringOption{"ha-promote-on-shutdown", is_promotion,
                    R"(ha-promote-on-shutdown must be "always" or "when-synced", got {})"},
    MirroringOption{"ha-promote-on-failure", is_promotion,
                    R"(ha-promote-on-failure must be "always" or "when-synced", got {})"},
};

/// The keys of mirroring have no effect, but RabbitMQ's checks, which are made together.
std::string check_mirroring(PolicyKind kind, const amqp::FieldTable& definition) {
  const auto find = [&](std::string_view key) {
    return find_rule(kind, key) == nullptr ? nullptr : definition.find(key);
  };
  const amqp::FieldValue* mode = find("ha-mode");
  const amqp::FieldValue* parameters = find("ha-params");
  const bool has_options =
      parameters != nullptr || std::ranges::any_of(mirroring_options, [&](const auto& option) {
        return find(option.key) != nullptr;
      });
  if (mode == nullptr) {
    return has_options ? "ha-mode must be specified to specify ha-params, ha-sync-mode or "
                         "ha-promote-on-shutdown"
                       : "";
  }
  if (!is_one_of(*mode, {"all", "exactly", "nodes"})) {
    return term_of(*mode) + " is not a valid ha-mode value";
  }
  std::string mistake = check_mirrors(*mode->as_string(), parameters);
  for (const MirroringOption& option : mirroring_options) {
    const amqp::FieldValue* value = find(option.key);
    if (mistake.empty() && value != nullptr && !option.is_valid(*value)) {
      mistake = fmt::format(fmt::runtime(option.refusal), term_of(*value));
    }
  }
  return mistake;
}

/// Why the definition is refused, or an empty string: mirroring, the first wrong value in the order
/// of the keys, or all unknown keys.
std::string check_definition(PolicyKind kind, const amqp::FieldTable& definition) {
  if (definition.empty()) {
    return "no policy provided";
  }
  if (std::string mistake = check_mirroring(kind, definition); !mistake.empty()) {
    return mistake;
  }
  std::vector<amqp::Field> fields = definition.fields();
  std::ranges::sort(fields, {}, &amqp::Field::name);
  std::string unknown;
  for (const amqp::Field& field : fields) {
    const KeyRule* rule = find_rule(kind, field.name);
    if (rule == nullptr) {
      unknown += fmt::format("{}{{{},{}}}", unknown.empty() ? "" : ",",
                             amqp::erlang_binary(field.name), term_of(field.value));
    } else if (!rule->is_valid(field.value)) {
      return fmt::format("{} {}", term_of(field.value), rule->refusal);
    }
  }
  return unknown.empty() ? unknown : "[" + unknown + "] are not recognised policy settings";
}

std::string take_definition(const amqp::FieldValue* value, PolicyDescription& policy) {
  const amqp::FieldTable* table = value == nullptr ? nullptr : value->get_if<amqp::FieldTable>();
  if (table == nullptr) {
    return fmt::format("definition should be an object but was {}",
                       value == nullptr ? "undefined" : term_of(*value));
  }
  policy.definition = *table;
  return check_definition(policy.kind, *table);
}

std::string take_target(const amqp::FieldValue* value, PolicyDescription& policy) {
  if (value == nullptr) {
    return {};
  }
  const std::string* word = value->as_string();
  const auto target = word == nullptr ? std::nullopt : policy_target_from(*word);
  policy.apply_to = target.value_or(PolicyTarget::all);
  return target ? std::string{}
                : fmt::format(
                      "apply-to '{}' unrecognised; should be one of: 'queues', 'classic_queues', "
                      " 'quorum_queues', 'streams', 'exchanges', or 'all'",
                      word == nullptr ? term_of(*value) : *word);
}

std::string take_pattern(const amqp::FieldValue* value, PolicyDescription& policy) {
  const std::string* pattern = value == nullptr ? nullptr : value->as_string();
  if (pattern == nullptr) {
    return "pattern should be a binary but was " +
           (value == nullptr ? "undefined" : term_of(*value));
  }
  policy.pattern = *pattern;
  const auto compiled = Pattern::compile(*pattern);
  return compiled
             ? std::string{}
             : fmt::format("pattern should be regular expression but is invalid: {{\"{}\",{}}}",
                           compiled.error().message, compiled.error().offset);
}

std::string take_priority(const amqp::FieldValue* value, PolicyDescription& policy) {
  if (value == nullptr) {
    return {};
  }
  if (const auto priority = number_in(*value)) {
    policy.priority = *priority;
    return {};
  }
  return "priority should be a number, actually was " + term_of(*value);
}

}  // namespace

Result<PolicyDescription> check_policy(PolicyKind kind, std::string vhost, std::string name,
                                       const amqp::FieldTable& value) {
  PolicyDescription policy{.kind = kind, .vhost = std::move(vhost), .name = std::move(name)};
  std::string mistakes;
  for (const std::string& mistake :
       {take_definition(value.find("definition"), policy),
        take_target(value.find("apply-to"), policy), take_pattern(value.find("pattern"), policy),
        take_priority(value.find("priority"), policy)}) {
    if (!mistake.empty()) {
      mistakes += mistake + '\n';
    }
  }
  if (!mistakes.empty()) {
    return fail("Validation failed\n\n" + mistakes);
  }
  return policy;
}

}  // namespace lepus::model
