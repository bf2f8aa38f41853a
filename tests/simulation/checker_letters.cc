#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/checker.h"

// A message that dies goes to another queue, in one step: until then it is in the one, from then on
// in the other. Where the strategy is at-least-once it is in both for a while, and a crash may
// leave it there.

namespace lepus::simulation {

std::optional<MessageName> Checker::letter_of(const MessageName& name) const {
  const QueueTraits& queue = queues_[name.queue];
  const auto to = queue.dead_letters_to ? queue.dead_letters_to : queue.policy_letters_to;
  if (!to) {
    return std::nullopt;
  }
  const bool is_first = name.first_death == never_died;
  return MessageName{*to, name.publisher, name.number, is_first ? name.queue : name.first_death};
}

std::optional<MessageName> Checker::source_of(const MessageName& letter) const {
  if (letter.first_death == never_died) {
    return std::nullopt;
  }
  MessageName source{letter.first_death, letter.publisher, letter.number};
  while (auto next = letter_of(source)) {
    if (*next == letter) {
      return source;
    }
    source = *next;
  }
  return std::nullopt;
}

// ---- what may become of a message

bool Checker::may_refuse(const MessageName& name, const Message& message) const {
  return may(name, message, [](const QueueTraits& traits) { return traits.refuses(); });
}

bool Checker::may_keep_letters(std::uint32_t queue) const {
  return histories_[queue].any(INT64_MIN, INT64_MAX,
                               [](const QueueTraits& traits) { return traits.keeps_letters(); });
}

bool Checker::may_lose_letter(const MessageName& name, const Message& message) const {
  if (may(name, message, [](const QueueTraits& traits) { return !traits.has_letters(); })) {
    return true;
  }
  const MessageName letter_name = *letter_of(name);
  const Message& letter = messages_.at(letter_name);
  return !letter.kept && may_refuse(letter_name, letter) &&
         may(name, message, [](const QueueTraits& traits) { return !traits.keeps_letters(); });
}

void Checker::traits_change(std::uint32_t queue, const QueueTraits& traits) {
  histories_[queue].may_become(traits, now_ms());
  if (store_has_failed_) {
    double_letters();
  }
}

void Checker::traits_changed(std::uint32_t queue) {
  histories_[queue].has_become(now_ms());
}

/// A dead letter has no expiration of its own.
bool Checker::may_have_expired(const MessageName& name, const Message& message) const {
  const bool by_itself = name.first_death == never_died && message.expiration_ms &&
                         now_ms() >= message.sent_ms + *message.expiration_ms;
  return by_itself || histories_[name.queue].may_have_expired(message.sent_ms, now_ms());
}

bool Checker::may_die_of(Death death, const MessageName& name, const Message& message) const {
  switch (death) {
    case Death::none:
      return false;
    case Death::rejected:
      return message.rejected;
    case Death::expired:
      return may_have_expired(name, message);
    case Death::maxlen:
      return may(name, message, [](const QueueTraits& traits) {
        return traits.drops_head() || traits.refused_die();
      });
    case Death::delivery_limit:
      // Each delivery but the last that was given back was one too few.
      return may(name, message, [&message](const QueueTraits& traits) {
        return traits.delivery_limit && message.emissions > *traits.delivery_limit;
      });
  }
  return false;
}

bool Checker::may_leave_by_itself(const MessageName& name, const Message& message) const {
  return may_die_of(Death::expired, name, message) || may_die_of(Death::maxlen, name, message) ||
         may_die_of(Death::delivery_limit, name, message);
}

/// From now on its dead letter may be there, and once it is the message is not.
void Checker::may_die(const MessageName& name, Message& message) {
  if (!letter_of(name)) {
    return;
  }
  message.rejected = true;
  if (!message.dead && !message.doubled) {
    has_no_letters(name, message);
  }
}

void Checker::has_no_letters(const MessageName& name, const Message& message) {
  const Message* source = &message;
  MessageName of = name;
  for (auto letter_name = letter_of(of); letter_name; letter_name = letter_of(of)) {
    Message& letter = messages_[*letter_name];
    if (letter.doubled) {
      return;
    }
    if (letter.held) {
      release(letter, *letter_name);
    }
    const QueueTraits& queue = queues_[letter_name->queue];
    const bool removed = source->removed || removals_[letter_name->queue] > 0;
    const bool keeps = may_keep_letters(of.queue);
    letter = {.asked_persistent = source->asked_persistent,
              .persistent = source->asked_persistent || queue.quorum,
              .asked_priority = source->asked_priority,
              .priority = std::min(source->asked_priority, queue.max_priority),
              .body_bytes = source->body_bytes,
              .sent_ms = source->sent_ms,
              .published_in_run = run_,
              .may_be_gone = source->may_be_gone || removed,
              .doubled = source->doubled || (keeps && store_has_failed_),
              .removed = removed};
    source = &letter;
    of = *letter_name;
  }
}

/// Kept letters whose target can't say whether it has them are sent once more.
void Checker::store_failed() {
  store_has_failed_ = true;
  double_letters();
}

void Checker::double_letters() {
  for (auto& [name, message] : messages_) {
    const auto source = source_of(name);
    message.doubled |= source && (may_keep_letters(source->queue) || messages_.at(*source).doubled);
  }
}

// ---- deliveries of dead letters

void Checker::check_letter(const Emission& emission, const Message& letter) {
  const bool is_new = letter.published_in_run == run_ && letter.emissions == 0;
  if (emission.name.first_death == never_died || !is_new) {
    return;
  }
  auto source_name = source_of(emission.name);
  if (!source_name) {
    fail(fmt::format("{} is a dead letter of nothing", to_text(emission.name)));
    return;
  }
  check_death(emission, *source_name, messages_.at(*source_name));
  for (; source_name; source_name = source_of(*source_name)) {
    note_death(emission, *source_name, messages_.at(*source_name));
  }
}

void Checker::check_death(const Emission& emission, const MessageName& source_name,
                          const Message& source) {
  if (emission.last_queue != source_name.queue) {
    fail(
        fmt::format("{} says that it comes from q{}", to_text(emission.name), emission.last_queue));
    return;
  }
  const bool may_have_letters =
      may(source_name, source, [](const QueueTraits& traits) { return traits.has_letters(); });
  if (!may_have_letters || !may_die_of(emission.last_death, source_name, source)) {
    fail(
        emission.last_death == Death::rejected
            ? fmt::format("{} is a dead letter of what nobody has rejected", to_text(emission.name))
            : fmt::format("{} is a dead letter of what had no reason to die",
                          to_text(emission.name)));
    return;
  }
  const bool dropped_from_head =
      emission.last_death == Death::expired ||
      (emission.last_death == Death::maxlen &&
       !may(source_name, source, [](const QueueTraits& traits) { return traits.refused_die(); }));
  if (dropped_from_head && source_name.first_death == never_died && !is_delayed(source)) {
    std::uint64_t& passed = passed_[{source_name.queue, source_name.publisher, source.priority}];
    passed = std::max(passed, source_name.number);
  }
}

void Checker::note_death(const Emission& emission, const MessageName& source_name,
                         Message& source) {
  if (source.held) {
    suspicions_.emplace_back(
        source.holder_channel,
        fmt::format("{} is delivered while consumer {:x} has {}", to_text(emission.name),
                    static_cast<std::uint64_t>(source.holder_consumer), to_text(source_name)));
  }
  if (source.settled && source.settled_at != 0 && !source.rejected) {
    fail(fmt::format("{} is a dead letter of what was acked", to_text(emission.name)));
  }
  check_transaction(source_name, source);
  source.dead = true;
}

/// What comes behind a message that was dropped from the head was dropped before it, or had been
/// delivered.
void Checker::check_not_passed(const Emission& emission, const Message& message) {
  const MessageName& name = emission.name;
  if (name.first_death != never_died || message.emissions != 0 || is_delayed(message)) {
    return;
  }
  const auto passed = passed_.find({name.queue, name.publisher, message.priority});
  if (passed != passed_.end() && name.number < passed->second) {
    fail(fmt::format("{} came although message {} behind it was dropped from the head",
                     to_text(name), passed->second));
  }
}

void Checker::check_limits(const Emission& emission, const Message& message) {
  const TraitsHistory& history = histories_[emission.name.queue];
  const std::int64_t age_ms = now_ms() - emission.published_ms;
  const bool is_too_old = !history.any(now_ms(), now_ms(), [age_ms](const QueueTraits& traits) {
    return !traits.message_ttl_ms || age_ms <= *traits.message_ttl_ms;
  });
  const bool has_expired = emission.name.first_death == never_died && message.expiration_ms &&
                           age_ms > *message.expiration_ms;
  if (is_too_old || has_expired) {
    fail(fmt::format("{} was delivered after it had expired, {} ms old", to_text(emission.name),
                     age_ms));
  }
  if (emission.published_ms < message.sent_ms || emission.published_ms > now_ms()) {
    fail(fmt::format("{} is said to be published at {}", to_text(emission.name),
                     emission.published_ms));
  }
  // It was given back under one of these limits.
  const auto may_come_again = [&message](const QueueTraits& traits) {
    return !traits.delivery_limit || message.emissions_in_run <= *traits.delivery_limit;
  };
  if (!message.doubled && message.emitted_in_run == run_ &&
      !history.any(message.emitted_ms, now_ms(), may_come_again)) {
    fail(fmt::format("{} is delivered {} times, more than its delivery limit",
                     to_text(emission.name), message.emissions_in_run + 1));
  }
}

// ---- what must be somewhere

/// Nothing that has happened may have taken it or its dead letters away, and nobody has got them.
bool Checker::is_lost(const MessageName& name) const {
  MessageName at = name;
  for (;;) {
    const Message& message = messages_.at(at);
    if (message.may_be_gone || (message.settled && !message.rejected) ||
        !must_have_come(at, message)) {
      return false;
    }
    const bool may_leave = may_leave_by_itself(at, message);
    const auto letter = letter_of(at);
    if (!letter) {
      return !may_leave && !message.settled;
    }
    const bool left = may_leave || message.rejected;
    if (!left && !message.dead && !message.must_be_gone) {
      return true;
    }
    if (!message.dead && may_lose_letter(at, message)) {
      return false;
    }
    at = *letter;
  }
}

void Checker::check_not_lost(const MessageName& name, const Message& message) {
  const bool was_kept = message.kept || (message.routed != nullptr && message.routed->is_kept);
  if ((message.confirmed || was_kept) && is_lost(name)) {
    fail(fmt::format("{} was {} and is lost (delivered {} times before{})", to_text(name),
                     message.confirmed ? "confirmed" : "stored", message.emissions,
                     letter_of(name) && message.rejected ? ", died on its way" : ""));
  }
}

}  // namespace lepus::simulation
