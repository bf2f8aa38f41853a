#include "tests/simulation/queue_traits.h"

#include <fmt/format.h>

namespace lepus::simulation {

namespace {

void choose_deaths(QueueTraits& queue, Random& random) {
  using Overflow = QueueTraits::Overflow;
  queue.quorum = queue.durable && queue.max_priority == 0 && random.one_in(2);
  if (random.one_in(4)) {
    queue.message_ttl_ms = static_cast<std::int64_t>(random.between(100, 6000));
  }
  if (random.one_in(3)) {
    if (random.one_in(3)) {
      queue.max_length_bytes = random.between(300, 4000);
    } else {
      queue.max_length = random.between(0, 15);
    }
    if (random.one_in(2)) {
      queue.overflow = queue.quorum || random.one_in(2) ? Overflow::reject_publish
                                                        : Overflow::reject_publish_dlx;
    }
  }
  if (queue.quorum && random.one_in(2)) {
    queue.delivery_limit = static_cast<std::uint32_t>(random.below(4));
  }
  if (queue.quorum && queue.dead_letters_to && random.one_in(2)) {
    queue.at_least_once = true;
    queue.overflow = Overflow::reject_publish;
  }
}

}  // namespace

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

std::vector<QueueTraits> choose_queues(Random& random, bool is_deadly) {
  std::vector<QueueTraits> queues;
  const std::size_t count = random.between(1, 4);
  for (std::size_t number = 0; number < count; ++number) {
    // The name decides where the queue lives: on this shard or that.
    QueueTraits queue{.name = fmt::format("q{}-{}", number, random.below(1000))};
    queue.durable = number == 0 || !random.one_in(4);
    queue.max_priority = random.one_in(5) ? 3 : 0;
    queue.single_active = random.one_in(4);
    queues.push_back(queue);
  }
  for (std::size_t number = 0; number + 1 < count; ++number) {
    if (!random.one_in(3)) {
      queues[number].dead_letters_to =
          static_cast<std::uint32_t>(random.between(number + 1, count - 1));
    }
  }
  for (QueueTraits& queue : queues) {
    if (is_deadly) {
      choose_deaths(queue, random);
    }
  }
  for (const QueueTraits& queue : queues) {
    // Or another dead letter would be made of each that it refuses, for ever.
    QueueTraits* target = queue.keeps_letters() ? &queues[*queue.dead_letters_to] : nullptr;
    if (target != nullptr && target->refused_die()) {
      target->overflow = QueueTraits::Overflow::reject_publish;
    }
  }
  return queues;
}

bool choose_policy_targets(std::vector<QueueTraits>& queues, Random& random) {
  if (!random.one_in(3)) {
    return false;
  }
  for (std::size_t number = 0; number + 1 < queues.size(); ++number) {
    if (!queues[number].dead_letters_to) {
      queues[number].policy_letters_to =
          static_cast<std::uint32_t>(random.between(number + 1, queues.size() - 1));
    }
  }
  return true;
}

}  // namespace lepus::simulation
