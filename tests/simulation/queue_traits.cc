#include "tests/simulation/queue_traits.h"

namespace lepus::simulation {

namespace {

std::string to_text(QueueTraits::Overflow overflow) {
  switch (overflow) {
    case QueueTraits::Overflow::drop_head:
      return "drop-head";
    case QueueTraits::Overflow::reject_publish:
      return "reject-publish";
    case QueueTraits::Overflow::reject_publish_dlx:
      return "reject-publish-dlx";
  }
  return {};
}

}  // namespace

amqp::FieldTable QueueTraits::arguments(const std::string& letters_to) const {
  amqp::FieldTable table;
  const auto set_if = [&table](const char* name, const auto& value) {
    if (value) {
      table.set(name, static_cast<std::int64_t>(*value));
    }
  };
  if (quorum) {
    table.set("x-queue-type", "quorum");
  }
  if (max_priority != 0) {
    table.set("x-max-priority", std::int64_t{max_priority});
  }
  if (dead_letters_to) {
    table.set("x-dead-letter-exchange", "");
    table.set("x-dead-letter-routing-key", letters_to);
  }
  if (at_least_once) {
    table.set("x-dead-letter-strategy", "at-least-once");
  }
  if (single_active) {
    table.set("x-single-active-consumer", true);
  }
  if (overflow != Overflow::drop_head) {
    table.set("x-overflow", to_text(overflow));
  }
  set_if("x-message-ttl", message_ttl_ms);
  set_if("x-max-length", max_length);
  set_if("x-max-length-bytes", max_length_bytes);
  set_if("x-delivery-limit", delivery_limit);
  return table;
}

}  // namespace lepus::simulation
