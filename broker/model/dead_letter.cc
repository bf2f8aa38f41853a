#include "broker/model/dead_letter.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/base/assert.h"

namespace lepus::model {

namespace {

using amqp::FieldArray;
using amqp::FieldTable;
using amqp::FieldValue;

std::string_view reason_name(DeadLetterReason reason) {
  switch (reason) {
    case DeadLetterReason::expired:
      return "expired";
    case DeadLetterReason::rejected:
      return "rejected";
    case DeadLetterReason::maxlen:
      return "maxlen";
    case DeadLetterReason::delivery_limit:
      return "delivery_limit";
  }
  return "";
}

bool has_string(const FieldTable& table, std::string_view name, std::string_view expected) {
  const FieldValue* value = table.find(name);
  const std::string* text = value == nullptr ? nullptr : value->as_string();
  return text != nullptr && *text == expected;
}

FieldTable new_event(const Message& message, const amqp::BasicProperties& properties,
                     const FieldTable& headers, std::string_view queue, std::string_view reason,
                     std::int64_t time_ms) {
  FieldArray keys{FieldValue(message.routing_key())};
  const FieldValue* cc = headers.find("CC");
  if (const FieldArray* more = cc == nullptr ? nullptr : cc->get_if<FieldArray>()) {
    for (const FieldValue& key : more->values()) {
      if (key.as_string() != nullptr) {
        keys.values().push_back(key);
      }
    }
  }
  FieldTable event{{"count", std::int64_t{1}},
                   {"reason", reason},
                   {"queue", queue},
                   {"time", amqp::Timestamp{static_cast<std::uint64_t>(time_ms / 1000)}},
                   {"exchange", message.exchange()},
                   {"routing-keys", std::move(keys)}};
  if (properties.expiration) {
    event.set("original-expiration", *properties.expiration);
  }
  return event;
}

/// Takes the earlier event of the same queue and reason out of the list, counted once more.
std::optional<FieldTable> take_repeated(std::vector<FieldValue>& events, std::string_view queue,
                                        std::string_view reason) {
  for (auto event = events.begin(); event != events.end(); ++event) {
    FieldTable* table = event->get_if<FieldTable>();
    if (table == nullptr || !has_string(*table, "queue", queue) ||
        !has_string(*table, "reason", reason)) {
      continue;
    }
    FieldTable repeated = std::move(*table);
    events.erase(event);
    const FieldValue* count = repeated.find("count");
    const std::int64_t before = count == nullptr ? 0 : count->as_integer().value_or(0);
    // Clients may have written anything there.
    repeated.set("count", before == std::numeric_limits<std::int64_t>::max() ? before : before + 1);
    std::sort(repeated.fields().begin(), repeated.fields().end(),
              [](const auto& left, const auto& right) { return left.name < right.name; });
    return repeated;
  }
  return std::nullopt;
}

bool has_no_count(const FieldValue& event) {
  const FieldTable* table = event.get_if<FieldTable>();
  return table != nullptr && table->find("count") == nullptr;
}

/// What tells events apart; nothing for what is none.
std::optional<std::pair<std::string, std::string>> identity_of(const FieldValue& event) {
  const FieldTable* table = event.get_if<FieldTable>();
  const FieldValue* queue = table == nullptr ? nullptr : table->find("queue");
  const FieldValue* reason = table == nullptr ? nullptr : table->find("reason");
  if (queue == nullptr || reason == nullptr || queue->as_string() == nullptr ||
      reason->as_string() == nullptr) {
    return std::nullopt;
  }
  return std::pair{*queue->as_string(), *reason->as_string()};
}

/// Makes one event of those with the same queue and reason, which brokers before RabbitMQ 3.6 (and
/// clients) wrote one by one, without a count: the first stays and gets their number. One alone
/// stays as it is.
void merge_uncounted(std::vector<FieldValue>& events) {
  if (events.size() < 2 || std::none_of(events.begin(), events.end(), has_no_count)) {
    return;
  }
  std::vector<FieldValue> merged;
  std::map<std::pair<std::string, std::string>, std::pair<std::size_t, std::int64_t>> found;
  for (FieldValue& event : events) {
    const auto identity = identity_of(event);
    if (identity) {
      const auto [place, is_new] = found.try_emplace(*identity, merged.size(), 0);
      ++place->second.second;
      if (!is_new) {
        continue;
      }
    }
    merged.push_back(std::move(event));
  }
  for (const auto& [identity, place] : found) {
    FieldValue& first = merged[place.first];
    if (has_no_count(first)) {
      first.get_if<FieldTable>()->set("count", place.second);
    }
  }
  events = std::move(merged);
}

void record_event(FieldTable& headers, FieldTable event, std::string_view queue,
                  std::string_view reason) {
  FieldValue* found = headers.find("x-death");
  FieldArray* events = found == nullptr ? nullptr : found->get_if<FieldArray>();
  if (events == nullptr) {
    headers.set("x-death", FieldArray{FieldValue(std::move(event))});
    return;
  }
  auto& values = events->values();
  merge_uncounted(values);
  if (auto repeated = take_repeated(values, queue, reason)) {
    event = std::move(*repeated);
  }
  values.insert(values.begin(), FieldValue(std::move(event)));
}

bool has_died_before(const FieldTable& headers) {
  const FieldValue* found = headers.find("x-death");
  const FieldArray* events = found == nullptr ? nullptr : found->get_if<FieldArray>();
  return events != nullptr && !events->empty();
}

void name_deaths(FieldTable& headers, bool is_first, const Message& message, std::string_view queue,
                 std::string_view reason) {
  for (const std::string_view which : {"first", "last"}) {
    if (which == "first" && !is_first) {
      continue;
    }
    const std::string prefix = "x-" + std::string(which) + "-death-";
    headers.set(prefix + "reason", reason);
    headers.set(prefix + "queue", queue);
    headers.set(prefix + "exchange", message.exchange());
  }
}

}  // namespace

MessagePtr make_dead_letter(const Message& message, std::string_view queue,
                            const QueueSettings& settings, DeadLetterReason reason,
                            std::int64_t time_ms) {
  LEPUS_ASSERT(settings.dead_letter_exchange.has_value(), "the caller looked for it");
  const std::string_view routing_key = settings.dead_letter_routing_key
                                           ? std::string_view{*settings.dead_letter_routing_key}
                                           : message.routing_key();
  if (settings.dead_letter_exchange->size() > amqp::short_string_max_bytes ||
      routing_key.size() > amqp::short_string_max_bytes) {
    return nullptr;
  }
  auto properties = amqp::decode_properties(message.properties()).value_or(amqp::BasicProperties{});
  FieldTable headers;
  if (properties.headers) {
    headers = FieldTable::decode(properties.headers->bytes).value_or(FieldTable{});
  }
  const bool is_first = !has_died_before(headers);
  record_event(headers,
               new_event(message, properties, headers, queue, reason_name(reason), time_ms), queue,
               reason_name(reason));
  name_deaths(headers, is_first, message, queue, reason_name(reason));
  if (settings.dead_letter_routing_key) {
    headers.erase("CC");
  }
  const std::string headers_bytes = headers.encode();
  properties.headers = amqp::FieldTableView{headers_bytes};
  properties.expiration.reset();
  const std::string property_bytes = amqp::encode_properties(properties);
  Message::Traits traits = message.traits();
  traits.has_expiration = false;
  traits.published_ms = time_ms;
  auto letter = Message::create(*settings.dead_letter_exchange, routing_key, property_bytes,
                                message.body().size(), traits);
  letter->append_body(message.body());
  return letter;
}

bool is_dead_letter_cycle(std::string_view headers, std::string_view queue) {
  const FieldTable table = FieldTable::decode(headers).value_or(FieldTable{});
  const FieldValue* found = table.find("x-death");
  const FieldArray* events = found == nullptr ? nullptr : found->get_if<FieldArray>();
  if (events == nullptr) {
    return false;
  }
  for (const FieldValue& event : events->values()) {
    const FieldTable* death = event.get_if<FieldTable>();
    if (death == nullptr) {
      continue;
    }
    if (has_string(*death, "reason", "rejected")) {
      return false;
    }
    if (has_string(*death, "queue", queue)) {
      return true;
    }
  }
  return false;
}

}  // namespace lepus::model
