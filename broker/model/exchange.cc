#include "broker/model/exchange.h"

#include <fmt/format.h>

#include "broker/model/consistent_hash_exchange.h"
#include "broker/model/delayed_exchange.h"
#include "broker/model/direct_exchange.h"
#include "broker/model/fanout_exchange.h"
#include "broker/model/headers_exchange.h"
#include "broker/model/modulus_hash_exchange.h"
#include "broker/model/policy.h"
#include "broker/model/random_exchange.h"
#include "broker/model/topic_exchange.h"

namespace lepus::model {

namespace {

/// What arguments or a policy's definition name as alternate-exchange.
std::optional<std::string> alternate_in(const amqp::FieldTable& table) {
  const amqp::FieldValue* value = table.find("alternate-exchange");
  const std::string* name = value == nullptr ? nullptr : value->as_string();
  return name == nullptr ? std::nullopt : std::optional{*name};
}

}  // namespace

std::string_view name_of(ExchangeType type) {
  switch (type) {
    case ExchangeType::direct:
      return "direct";
    case ExchangeType::fanout:
      return "fanout";
    case ExchangeType::topic:
      return "topic";
    case ExchangeType::headers:
      return "headers";
    case ExchangeType::consistent_hash:
      return "x-consistent-hash";
    case ExchangeType::random:
      return "x-random";
    case ExchangeType::modulus_hash:
      return "x-modulus-hash";
    case ExchangeType::local_random:
      return "x-local-random";
    case ExchangeType::delayed_message:
      return "x-delayed-message";
  }
  return {};
}

std::string_view description_of(ExchangeType type) {
  switch (type) {
    case ExchangeType::direct:
      return "AMQP direct exchange, as per the AMQP specification";
    case ExchangeType::fanout:
      return "AMQP fanout exchange, as per the AMQP specification";
    case ExchangeType::topic:
      return "AMQP topic exchange, as per the AMQP specification";
    case ExchangeType::headers:
      return "AMQP headers exchange, as per the AMQP specification";
    case ExchangeType::consistent_hash:
      return "One destination by a consistent hash; binding keys are weights";
    case ExchangeType::random:
      return "One binding by chance";
    case ExchangeType::modulus_hash:
      return "One binding by the hash of the routing key, modulo their number";
    case ExchangeType::local_random:
      return "One queue by chance; binding keys are empty";
    case ExchangeType::delayed_message:
      return "Delayed Message Exchange.";
  }
  return {};
}

std::optional<ExchangeType> exchange_type_from(std::string_view name) {
  for (const ExchangeType type : exchange_types) {
    if (name == name_of(type)) {
      return type;
    }
  }
  return std::nullopt;
}

Checked<ExchangeType> check_exchange_type(std::string_view name) {
  if (const auto type = exchange_type_from(name)) {
    return *type;
  }
  return ProtocolError{
      amqp::ReplyCode::command_invalid,
      fmt::format("{} exchange type '{}'", name.empty() ? "invalid" : "unknown", name)};
}

std::string describe_exchange(std::string_view vhost, std::string_view name) {
  return fmt::format("exchange '{}' in vhost '{}'", name, vhost);
}

std::optional<ProtocolError> check_type_arguments(const ExchangeRecord& record) {
  if (record.type == ExchangeType::consistent_hash) {
    return check_hash_arguments(record);
  }
  if (record.type == ExchangeType::delayed_message) {
    return check_delay_arguments(record);
  }
  return std::nullopt;
}

std::shared_ptr<Exchange> Exchange::create(ExchangeRecord record) {
  switch (record.type) {
    case ExchangeType::direct:
      return std::make_shared<DirectExchange>(std::move(record));
    case ExchangeType::fanout:
      return std::make_shared<FanoutExchange>(std::move(record));
    case ExchangeType::topic:
      return std::make_shared<TopicExchange>(std::move(record));
    case ExchangeType::headers:
      return std::make_shared<HeadersExchange>(std::move(record));
    case ExchangeType::consistent_hash:
      return std::make_shared<ConsistentHashExchange>(std::move(record));
    case ExchangeType::random:
      return std::make_shared<RandomExchange>(std::move(record));
    case ExchangeType::modulus_hash:
      return std::make_shared<ModulusHashExchange>(std::move(record));
    case ExchangeType::local_random:
      return std::make_shared<LocalRandomExchange>(std::move(record));
    case ExchangeType::delayed_message:
      return std::make_shared<DelayedExchange>(std::move(record));
  }
  LEPUS_ASSERT(false, "every type has a class");
}

Exchange::Exchange(ExchangeRecord record)
    : record_(std::move(record)), alternate_(alternate_in(record_.arguments)) {}

std::optional<ProtocolError> Exchange::check_binding(const BindingDescription& /*binding*/,
                                                     const QueueRecord* /*queue*/) const {
  return std::nullopt;
}

void Exchange::set_policy(std::shared_ptr<const Policy> policy) {
  policy_ = std::move(policy);
  alternate_ = alternate_in(record_.arguments);
  // The default exchange reaches all queues and has no alternate.
  if (!alternate_ && policy_ != nullptr && !is_default()) {
    alternate_ = alternate_in(policy_->description().definition);
  }
}

std::string Exchange::described() const {
  return describe_exchange(vhost(), name());
}

void Exchange::add_binding(Binding& binding) {
  index_binding(binding);
  bindings_from.push_back(binding);
}

void Exchange::remove_binding(Binding& binding) {
  unindex_binding(binding);
  bindings_from.erase(bindings_from.iterator_to(binding));
}

}  // namespace lepus::model
