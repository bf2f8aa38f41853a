#include "broker/model/delayed_exchange.h"

#include <string>
#include <utility>

#include "broker/base/assert.h"
#include "broker/model/delay_header.h"

namespace lepus::model {

namespace {

const std::string* delayed_type(const ExchangeRecord& record) {
  const amqp::FieldValue* value = record.arguments.find("x-delayed-type");
  return value == nullptr ? nullptr : value->as_string();
}

ExchangeRecord inner_record(const ExchangeRecord& record, ExchangeType type) {
  ExchangeRecord inner = record;
  inner.type = type;
  return inner;
}

std::shared_ptr<Exchange> make_inner(const ExchangeRecord& record) {
  const std::string* name = delayed_type(record);
  const auto type = name == nullptr ? std::nullopt : exchange_type_from(*name);
  LEPUS_ASSERT(type && *type != ExchangeType::delayed_message, "it was checked at the declaration");
  return Exchange::create(inner_record(record, *type));
}

}  // namespace

std::shared_ptr<QueueRecord> make_delay_queue(const ExchangeRecord& exchange) {
  auto queue = std::make_shared<QueueRecord>();
  queue->id = exchange.delay_queue.id;
  queue->vhost = exchange.vhost;
  queue->name = exchange.name;
  queue->partition = exchange.delay_queue.partition;
  queue->owner = exchange.delay_queue.owner;
  queue->durable = exchange.durable;
  queue->user = exchange.user;
  queue->delays = true;
  return queue;
}

std::optional<ProtocolError> check_delay_arguments(const ExchangeRecord& record) {
  const std::string* name = delayed_type(record);
  if (name == nullptr) {
    return ProtocolError{amqp::ReplyCode::precondition_failed,
                         "Invalid argument, 'x-delayed-type' must be an existing exchange type"};
  }
  if (*name == name_of(ExchangeType::delayed_message)) {
    return ProtocolError{
        amqp::ReplyCode::precondition_failed,
        "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'"};
  }
  const auto type = check_exchange_type(*name);
  return type ? check_type_arguments(inner_record(record, *type)) : std::optional{type.error()};
}

DelayedExchange::DelayedExchange(ExchangeRecord record)
    : Exchange(std::move(record)),
      inner_(make_inner(this->record())),
      delay_queue_(make_delay_queue(this->record())) {}

void DelayedExchange::match(const RoutingInput& input, std::vector<const Binding*>& matched) const {
  inner_->match(input, matched);
}

std::optional<ProtocolError> DelayedExchange::check_binding(const BindingDescription& binding,
                                                            const QueueRecord* queue) const {
  return inner_->check_binding(binding, queue);
}

void DelayedExchange::index_binding(Binding& binding) {
  index_in(*inner_, binding);
}

void DelayedExchange::unindex_binding(Binding& binding) {
  unindex_in(*inner_, binding);
}

}  // namespace lepus::model
