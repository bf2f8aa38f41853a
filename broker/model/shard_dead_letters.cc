#include <algorithm>

#include "amqp/basic_properties.h"
#include "broker/base/assert.h"
#include "broker/model/dead_letter.h"
#include "broker/model/shard_queues.h"

// The dead letters of a shard's queues: at once and at most once, or kept until they have arrived.

namespace lepus::model {

bool ShardQueues::dead_letter(Queue& queue, std::optional<MessagePlace> place, MessagePtr message,
                              DeadLetterReason reason) {
  if (!queue.settings().dead_letter_exchange) {
    return false;
  }
  letters_.push_back(
      {queue.shared_record(), queue.shared_settings(), place, std::move(message), reason});
  return true;
}

Route ShardQueues::dead_letter_route(std::string_view vhost, const Message& letter) const {
  const amqp::BasicProperties properties =
      amqp::decode_properties(letter.properties()).value_or(amqp::BasicProperties{});
  const std::string_view headers =
      properties.headers ? properties.headers->bytes : std::string_view{};
  Route route =
      environment_.topology->route(vhost, letter.exchange(), letter.routing_key(), &properties);
  std::erase_if(route.queues, [headers](const auto& target) {
    return !target->delays && is_dead_letter_cycle(headers, target->name);
  });
  return route;
}

void ShardQueues::publish_dead_letter(const DeferredLetter& deferred) {
  const MessagePtr letter =
      make_dead_letter(*deferred.message, deferred.from->name, *deferred.settings, deferred.reason,
                       clock().wall_ms());
  pass_on({deferred.from, deferred.place, letter},
          letter == nullptr ? Route{} : dead_letter_route(deferred.from->vhost, *letter));
}

// ---- kept until they have arrived

void ShardQueues::try_kept_letters() {
  if (outbox_.empty()) [[likely]] {
    return;
  }
  while (const auto serial = outbox_.next(clock().steady_ms())) {
    try_kept_letter(*serial);
  }
}

void ShardQueues::try_kept_letter(DeadLetterOutbox::Serial serial) {
  const KeptLetter& letter = outbox_.letter(serial);
  const Queue* source = find(letter.from);
  if (source == nullptr) {
    outbox_.forget(serial);  // Deleted queues don't dead-letter.
    return;
  }
  const auto settings = source->shared_settings();
  if (settings->keeps_dead_letters()) {
    publish_kept_letter(serial, settings);
    return;
  }
  // A policy has changed that.
  const DeferredLetter once{letter.from, settings, letter.place, letter.message, letter.reason};
  forget_kept_letter(serial, !settings->dead_letter_exchange);
  if (settings->dead_letter_exchange) {
    publish_dead_letter(once);
  }
}

void ShardQueues::publish_kept_letter(DeadLetterOutbox::Serial serial,
                                      const std::shared_ptr<const QueueSettings>& settings) {
  KeptLetter& kept = outbox_.letter(serial);
  const MessagePtr letter =
      make_dead_letter(*kept.message, kept.from->name, *settings, kept.reason, kept.died_at_ms);
  const Route route = letter == nullptr ? Route{} : dead_letter_route(kept.from->vhost, *letter);
  bool missed = route.queues.empty() && kept.reached.empty();
  for (const auto& target : route.queues) {
    if (kept.has_reached(target->id)) {
      continue;
    }
    if (target->owner != environment_.index) {
      const PublisherRef sender{{.connection = dead_letter_sender(environment_.index)},
                                outbox_.awaits(serial, target->id)};
      to_others_.publish(target->owner, {target->id, letter, sender, environment_.index});
      continue;
    }
    // A row of this shard is in an earlier unit than the settlement, or in the same.
    const auto answer = publish(target->id, letter, {});
    if (answer && *answer != PublishAnswer::refused) {
      kept.reached.push_back(target->id);
    } else {
      missed = true;
    }
  }
  if (outbox_.attempted(serial, missed, clock().steady_ms()) == DeadLetterOutbox::State::done) {
    forget_kept_letter(serial, true);
  }
}

void ShardQueues::letters_confirmed(const Confirmed& confirmed) {
  for (const std::uint64_t number : confirmed.numbers) {
    const auto answered = outbox_.answered(number, confirmed.refused, clock().steady_ms());
    if (answered.state == DeadLetterOutbox::State::done) {
      forget_kept_letter(answered.serial, true);
    }
  }
}

/// @param is_settled  its message leaves the queue
void ShardQueues::forget_kept_letter(DeadLetterOutbox::Serial serial, bool is_settled) {
  const KeptLetter& letter = outbox_.letter(serial);
  const auto from = letter.from;
  const MessagePlace place = letter.place;
  outbox_.forget(serial);
  Queue* source = is_settled ? find(from) : nullptr;
  if (source != nullptr) {
    source->dead_lettered({&place, 1});
  }
}

}  // namespace lepus::model
