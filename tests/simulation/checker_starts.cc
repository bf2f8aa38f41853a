#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "tests/simulation/checker.h"

// What a restart must and what it may have left, and whether it has.

namespace lepus::simulation {

void Checker::broker_restarted(bool clean) {
  while (!channels_.empty()) {
    channel_closed(model::ChannelRef{channels_.begin()->first});
  }
  for (std::uint32_t queue = 0; queue < removals_.size(); ++queue) {
    if (removals_[queue] > 0) {
      note_removed(queue, false);
    }
  }
  for (auto& [name, message] : messages_) {
    message_after_restart(name, message, clean);
  }
  routes_after_restart();
  suspicions_.clear();
  left_behind_.clear();
  passed_.clear();
  store_has_failed_ = false;
  ++run_;
  begin_order_anew();
  std::fill(removals_.begin(), removals_.end(), 0);
}

void Checker::message_after_restart(const MessageName& name, Message& message, bool clean) {
  message.dead = false;
  if (!message.persistent || !queues_[name.queue].durable) {
    message.must_be_gone = true;
    message.may_be_gone = true;
    return;
  }
  if (message.settled && message.doubled) {
    message.may_be_gone = true;
    message.settled = false;
  }
  if (message.emitted_in_run != run_) {
    return;  // What an earlier run did with it was looked at when that ended.
  }
  const auto found = progress_sealed_at_.find(message.queue_id);
  const std::uint64_t sealed_at = found == progress_sealed_at_.end() ? 0 : found->second;
  // One consumer per priority would be certain; a queue without priorities has one sub-queue.
  message.must_be_redelivered |=
      message.emitted_at < sealed_at ||
      (!clean && !queues_[name.queue].has_priorities() && had_consumer_.contains(message.queue_id));
  if (message.emitted_at < sealed_at) {
    letter_is_durable(name);
    if (message.routed != nullptr) {
      message.routed->is_released_durably = true;
    }
  }
  if (message.settled) {
    // A rejected message stays until its dead letter is committed.
    message.may_be_gone |= !message.rejected;
    message.must_be_gone |=
        !message.rejected && message.settled_at != 0 && message.settled_at < sealed_at;
    message.settled_in_crash = true;
    message.settled = false;
    message.settled_at = 0;
  }
}

/// So its message must have gone, unless that is kept a while longer.
void Checker::letter_is_durable(const MessageName& letter) {
  const auto source = source_of(letter);
  if (source && !may_keep_letters(source->queue) && !messages_.at(letter).doubled) {
    messages_.at(*source).must_be_gone = true;
    letter_is_durable(*source);
  }
}

void Checker::found_at_start(const Found& found, const std::vector<FoundDelayed>& delayed) {
  for (std::uint32_t exchange = 0; exchange < exchanges_.size(); ++exchange) {
    delayed_at_start(exchange, delayed[exchange], found);
  }
  for (const auto& [name, row] : found) {
    const auto message = messages_.find(name);
    if (message == messages_.end()) {
      fail("stored but never published: " + to_text(name));
      return;
    }
    check_found(name, message->second, row);
    check_one_place(name, found);
  }
  std::vector<MessageName> originals;
  for (const auto& [name, message] : messages_) {
    const bool is_delayed_still = is_delayed(message) && !message.routed->is_gone;
    if (name.first_death == never_died && !is_delayed_still) {
      originals.push_back(name);
    }
  }
  for (const MessageName& name : originals) {
    follow_chain(name, found);
  }
}

void Checker::check_found(const MessageName& name, const Message& message, const FoundRow& row) {
  check_release(name, message, row.published_ms);
  if (message.must_be_gone && !message.doubled) {
    fail("came back after a restart although it was settled durably or transient: " +
         to_text(name));
  }
  if (message.refused) {
    fail("stored although it was refused: " + to_text(name));
  }
  check_transaction(name, message);
  if (row.count > 1 && !message.doubled) {
    const auto source = source_of(name);
    if (!source || !may_keep_letters(source->queue)) {
      fail(fmt::format("{} is stored {} times", to_text(name), row.count));
    }
  }
}

/// Of a message that is stored.
void Checker::check_one_place(const MessageName& name, const Found& found) {
  bool may_be_doubled = messages_.at(name).doubled || may_keep_letters(name.queue);
  bool is_doubled = false;
  for (auto letter = letter_of(name); letter; letter = letter_of(*letter)) {
    Message& message = messages_.at(*letter);
    is_doubled |= found.contains(*letter);
    if (is_doubled && !may_be_doubled) {
      fail(fmt::format("{} is in two places: also as {}", to_text(name), to_text(*letter)));
      return;
    }
    // From here on there may be two of it, and of all that becomes of it.
    message.doubled |= is_doubled;
    may_be_doubled |= may_keep_letters(letter->queue);
  }
}

/// What is stored is to stay from now on, and what is not does not come back but as the letter of
/// something that is.
void Checker::follow_chain(const MessageName& original, const Found& found) {
  bool is_found = false;
  for (std::optional<MessageName> name = original; name; name = letter_of(*name)) {
    Message& message = messages_.at(*name);
    if (found.contains(*name)) {
      is_found = true;
      message.kept = true;
      message.may_be_gone = false;
      message.removed = false;
      message.rejected = false;
      note_letters_at_start(*name, message, found);
    } else if (!is_found && !message.doubled) {
      message.must_be_gone = true;
    }
  }
  if (!is_found) {
    check_chain_not_lost(original);
  }
}

void Checker::note_letters_at_start(const MessageName& name, const Message& message,
                                    const Found& found) {
  for (auto letter = letter_of(name); letter; letter = letter_of(*letter)) {
    if (found.contains(*letter)) {
      return;
    }
  }
  has_no_letters(name, message);
}

void Checker::check_chain_not_lost(const MessageName& original) {
  for (std::optional<MessageName> name = original; name; name = letter_of(*name)) {
    check_not_lost(*name, messages_.at(*name));
  }
}

}  // namespace lepus::simulation
