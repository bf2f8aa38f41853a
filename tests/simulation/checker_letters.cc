#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/checker.h"

// A rejected message goes to another queue, in one step: until then it is in the one, from then on
// in the other.

namespace lepus::simulation {

std::optional<MessageName> Checker::letter_of(const MessageName& name) const {
  const auto to = queues_[name.queue].dead_letters_to;
  if (!to) {
    return std::nullopt;
  }
  const bool is_first = name.first_death == never_died;
  return MessageName{*to, name.publisher, name.number, is_first ? name.queue : name.first_death};
}

std::optional<MessageName> Checker::source_of(const MessageName& letter) const {
  MessageName source{letter.first_death, letter.publisher, letter.number};
  while (auto next = letter_of(source)) {
    if (*next == letter) {
      return source;
    }
    source = *next;
  }
  return std::nullopt;
}

/// From now on its dead letter may be there, and once it is the message is not.
void Checker::may_die(const MessageName& name, Message& message) {
  const auto letter_name = letter_of(name);
  if (!letter_name) {
    return;
  }
  message.rejected = true;
  Message& letter = messages_[*letter_name];
  if (letter.held) {
    release(letter, *letter_name);
  }
  const Checker::QueueTraits& queue = queues_[letter_name->queue];
  const bool removed = message.removed || removals_[letter_name->queue] > 0;
  letter = {.persistent = message.persistent,
            .asked_priority = message.asked_priority,
            .priority = std::min(message.asked_priority, queue.max_priority),
            .body_bytes = message.body_bytes,
            .published_in_run = run_,
            .may_be_gone = message.may_be_gone || removed,
            .removed = removed};
}

void Checker::check_letter(const MessageName& name, const Message& letter) {
  if (name.first_death == never_died) {
    return;
  }
  const auto source = source_of(name);
  if (!source || !messages_.at(*source).rejected) {
    fail(fmt::format("{} is a dead letter of what nobody has rejected", to_text(name)));
    return;
  }
  if (letter.published_in_run < run_) {
    letter_is_durable(name);
  }
}

void Checker::check_not_dead(const MessageName& name, const Message& message) {
  const auto letter_name = letter_of(name);
  if (!letter_name || !message.rejected) {
    return;
  }
  const Message& letter = messages_.at(*letter_name);
  if (letter.emissions > 0 && letter.emitted_in_run == run_) {
    fail(fmt::format("{} is in two places: also as {}", to_text(name), to_text(*letter_name)));
  }
}

/// A restart has found the letter, or would find what became of it.
void Checker::letter_is_durable(const MessageName& letter) {
  if (letter.first_death == never_died) {
    return;
  }
  if (const auto source = source_of(letter)) {
    messages_.at(*source).must_be_gone = true;
    letter_is_durable(*source);
  }
}

void Checker::check_not_lost(const MessageName& name, const Message& message) {
  const Message* last = &message;
  std::string deaths;
  for (auto letter = letter_of(name); last->rejected && !last->may_be_gone;
       letter = letter_of(*letter)) {
    last = &messages_.at(*letter);
    deaths += fmt::format(", died on its way to q{}", letter->queue);
  }
  if (!last->may_be_gone && !last->settled) {
    fail(fmt::format("{} was confirmed and is lost (delivered {} times before{})", to_text(name),
                     message.emissions, deaths));
  }
}

}  // namespace lepus::simulation
