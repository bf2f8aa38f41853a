#include "tests/simulation/checker.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace lepus::simulation {

namespace {

constexpr std::size_t body_header_bytes = 24;

char filling(std::uint32_t publisher, std::uint64_t number) {
  return static_cast<char>('a' + (std::uint64_t{publisher} * 7 + number) % 26);
}

}  // namespace

std::string to_text(const MessageName& name) {
  const std::string text =
      fmt::format("message {} of publisher {} in q{}", name.number, name.publisher, name.queue);
  return name.first_death == never_died ? text
                                        : fmt::format("{} (from q{})", text, name.first_death);
}

std::string make_body(std::uint32_t publisher, std::uint64_t number, std::size_t size_bytes) {
  std::string body = fmt::format("{:08x}{:016x}", publisher, number);
  body.resize(std::max(size_bytes, body_header_bytes), filling(publisher, number));
  return body;
}

bool read_body(std::string_view body, std::uint32_t& publisher, std::uint64_t& number) {
  if (body.size() < body_header_bytes) {
    return false;
  }
  constexpr int base = 16;
  std::from_chars(body.data(), body.data() + 8, publisher, base);
  std::from_chars(body.data() + 8, body.data() + body_header_bytes, number, base);
  body.remove_prefix(body_header_bytes);
  return body.find_first_not_of(filling(publisher, number)) == std::string_view::npos;
}

void Checker::fail(std::string what) {
  if (violation_.empty()) {
    violation_ = std::move(what);
  }
}

// ---- what clients do

std::shared_ptr<ObservedChannel> Checker::channel_opened(const model::ChannelRef& channel) {
  return channels_[channel] = std::make_shared<ObservedChannel>();
}

void Checker::channel_closed(const model::ChannelRef& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) {
    return;
  }
  const auto observed = found->second;
  note_left_behind(channel, *observed);
  release_all(*observed);
  channels_.erase(found);
}

void Checker::note_left_behind(const model::ChannelRef& reference, const ObservedChannel& channel) {
  if (channel.has_cancelled) {
    return;
  }
  for (const auto& [consumer, names] : channel.held) {
    for (const MessageName& name : names) {
      if (consumer != model::ConsumerId::none && queues_[name.queue].single_active &&
          name.first_death == never_died && !is_delayed(messages_.at(name))) {
        left_behind_[name.queue][name] = reference;
      }
    }
  }
}

void Checker::release_all(ObservedChannel& channel) {
  for (const auto& [consumer, names] : channel.held) {
    for (const MessageName& name : names) {
      Message& message = messages_.at(name);
      message.held = false;
      held_bytes_[name.queue] -= message.body_bytes;
    }
  }
  channel.held.clear();
}

void Checker::published(const MessageName& name, const Published& what) {
  has_no_letters(name, add(name, what));
}

Checker::Message& Checker::add(const MessageName& name, const Published& what) {
  const QueueTraits& queue = queues_[name.queue];
  Message& message = messages_[name];
  message.asked_persistent = what.persistent;
  message.persistent = what.persistent || queue.quorum;
  message.asked_priority = what.priority;
  message.priority = std::min(what.priority, queue.max_priority);
  message.body_bytes = what.body_bytes;
  message.sent_ms = now_ms();
  message.expiration_ms = what.expiration_ms;
  message.published_in_run = run_;
  message.removed = removals_[name.queue] > 0;
  message.may_be_gone = message.removed;
  message.transaction = what.transaction;
  if (what.transaction != 0) {
    transactions_[what.transaction - 1].publishes.push_back(name);
  }
  return message;
}

void Checker::confirm(const MessageName& name) {
  Message& message = messages_.at(name);
  if (message.confirmed) {
    fail("confirmed twice: " + to_text(name));
  }
  message.confirmed = true;
  ++confirmed_count_;
  if (message.routed != nullptr) {
    message.routed->due_by_ms = now_ms() + message.routed->delay_ms;
  }
}

void Checker::answered(const std::vector<MessageName>& names, bool refused) {
  if (!refused) {
    std::ranges::for_each(names, [this](const MessageName& name) { confirm(name); });
    return;
  }
  const auto may_have_refused = [this](const MessageName& name) {
    const Message& message = messages_.at(name);
    return may_refuse(name, message) && !is_delayed(message);
  };
  const auto count = std::ranges::count_if(names, may_have_refused);
  if (store_has_failed_) {
    return;  // It may be there or not.
  }
  if (count == 0) {
    fail("refused although nothing has failed: " + to_text(names.front()));
  }
  if (count == 1) {
    const MessageName& name = *std::ranges::find_if(names, may_have_refused);
    Message& message = messages_.at(name);
    message.refused = true;
    if (message.emissions > 0) {
      fail("refused although it was delivered: " + to_text(name));
    }
  }
}

void Checker::recovering(const model::ChannelRef& channel) {
  ObservedChannel& observed = *channels_.at(channel);
  observed.is_unsure = true;
  release_all(observed);
}

SentSettling Checker::settled(const model::ChannelRef& channel, const MessageName& name,
                              Settling settling) {
  Message& message = messages_.at(name);
  if (message.held && message.holder_channel == channel) {
    release(message, name);
    message.settled = settling != Settling::requeue;
    message.settled_at = 0;
    if (settling == Settling::reject) {
      may_die(name, message);
    }
    return {name, settling == Settling::requeue ? 0 : message.emissions};
  }
  // What goes to a channel that the broker has closed settles nothing.
  if (!message.held && settling != Settling::requeue && !closed_by_broker(channel)) {
    message.settled = true;  // Of a delivery that was not followed.
    if (settling == Settling::reject) {
      may_die(name, message);
    }
  }
  return {name, 0};
}

void Checker::settling_arrived(const SentSettling& sent) {
  Message& message = messages_.at(sent.name);
  if (message.settled && message.emissions == sent.emissions && message.settled_at == 0) {
    message.settled_at = moment();
  }
}

void Checker::removal_begins(std::uint32_t queue) {
  ++removals_[queue];
  note_removed(queue, true);
}

void Checker::removal_ends(std::uint32_t queue) {
  --removals_[queue];
  note_removed(queue, false);
}

void Checker::release(Message& message, const MessageName& name) {
  message.held = false;
  held_bytes_[name.queue] -= message.body_bytes;
  const auto found = channels_.find(message.holder_channel);
  if (found != channels_.end()) {
    found->second->held[message.holder_consumer].erase(name);
  }
}

// ---- what the broker does

void Checker::emitted(const Emission& emission) {
  ++emission_count_;
  const auto found = messages_.find(emission.name);
  if (found == messages_.end()) {
    fail("delivered but never published: " + to_text(emission.name));
    return;
  }
  Message& message = found->second;
  check_release(emission.name, message, emission.published_ms);
  check_limits(emission, message);
  if (message.doubled) {
    ++message.emissions;
    message.rejected = false;
    message.settled = emission.no_ack;
    unfollowed_bytes_[emission.name.queue] += message.body_bytes;
    return;
  }
  if (message.must_be_gone) {
    fail("came back after a restart although it was settled durably or transient: " +
         to_text(emission.name));
  }
  if (message.settled && message.settled_at != 0) {
    fail("delivered again after it was settled: " + to_text(emission.name));
  }
  if (message.refused) {
    fail("delivered although it was refused: " + to_text(emission.name));
  }
  if (message.dead) {
    fail(fmt::format("{} is in two places: also as {}", to_text(emission.name),
                     to_text(letter_of(emission.name).value_or(emission.name))));
  }
  check_transaction(emission.name, message);
  check_letter(emission, message);
  check_not_passed(emission, message);
  check_holder(emission, message);
  check_order(emission, message);
  check_failover(emission, message);
  check_redelivered(emission, message);
  note_emission(emission, message);
}

void Checker::note_emission(const Emission& emission, Message& message) {
  if (message.held) {
    release(message, emission.name);
  }
  ++message.emissions;
  message.emissions_in_run = message.emitted_in_run == run_ ? message.emissions_in_run + 1 : 1;
  message.emitted_at = moment();
  message.emitted_ms = now_ms();
  message.emitted_in_run = run_;
  message.emitted_in_order = order_;
  message.must_be_redelivered = false;
  message.queue_id = emission.queue_id;
  message.place = emission.place;
  message.rejected = false;
  message.settled = emission.no_ack;
  message.settled_at = emission.no_ack ? message.emitted_at : 0;
  has_no_letters(emission.name, message);
  if (!emission.no_ack) {
    hold(emission, message);
  }
}

void Checker::check_holder(const Emission& emission, const Message& message) {
  if (message.held) {
    suspicions_.emplace_back(
        message.holder_channel,
        fmt::format("{} was delivered to consumer {:x} while consumer {:x} still has it",
                    to_text(emission.name), static_cast<std::uint64_t>(emission.consumer),
                    static_cast<std::uint64_t>(message.holder_consumer)));
  }
}

void Checker::check_suspicions() {
  for (const auto& [channel, what] : std::exchange(suspicions_, {})) {
    if (!closed_by_broker(channel)) {
      fail(what);
    }
  }
}

void Checker::check_failover(const Emission& emission, const Message& message) {
  const auto found = left_behind_.find(emission.name.queue);
  if (found == left_behind_.end()) {
    return;
  }
  auto& left_behind = found->second;
  left_behind.erase(emission.name);
  if (emission.consumer == model::ConsumerId::none || emission.name.first_death != never_died ||
      is_delayed(message)) {
    return;  // basic.get may come while the consumer is still there.
  }
  const auto end = left_behind.lower_bound(emission.name);
  for (auto earlier = left_behind.lower_bound({emission.name.queue, emission.name.publisher, 0});
       earlier != end; ++earlier) {
    const Message& other = messages_.at(earlier->first);
    if (earlier->second != emission.channel && !other.may_be_gone && !other.settled &&
        other.priority == message.priority && !may_leave_by_itself(earlier->first, other)) {
      fail(fmt::format("{} came before {}, which the consumer before has left behind",
                       to_text(emission.name), to_text(earlier->first)));
      return;
    }
  }
}

void Checker::check_order(const Emission& emission, Message& message) {
  const bool same_queue_again =
      message.emitted_in_run == run_ && message.queue_id == emission.queue_id;
  if (same_queue_again && message.place != emission.place) {
    fail(to_text(emission.name) + " has changed its place in the queue");
  }
  // Dead letters come in the order of their deaths.
  if (message.emitted_in_order == order_ || emission.name.first_death != never_died) {
    return;
  }
  if (is_delayed(message)) {
    check_due_order(emission, message);
    return;
  }
  std::uint64_t& last =
      last_number_[{emission.name.queue, emission.name.publisher, message.priority}];
  if (emission.name.number <= last) {
    fail(fmt::format("{} came after message {}", to_text(emission.name), last));
  }
  last = emission.name.number;
}

void Checker::check_redelivered(const Emission& emission, const Message& message) {
  if (!emission.redelivered && (message.emitted_in_run == run_ || message.must_be_redelivered)) {
    fail(fmt::format("{} was delivered before{} but is not flagged as redelivered",
                     to_text(emission.name), message.must_be_redelivered ? " the restart" : ""));
  }
  if (emission.redelivered && message.emissions == 0 && message.published_in_run == run_) {
    fail(to_text(emission.name) + " is new but flagged as redelivered");
  }
}

void Checker::hold(const Emission& emission, Message& message) {
  const auto found = channels_.find(emission.channel);
  if (found == channels_.end() || found->second->is_unsure) {
    // The client has closed it, and the broker will learn of it.
    unfollowed_bytes_[emission.name.queue] += message.body_bytes;
    return;
  }
  ObservedChannel& channel = *found->second;
  message.held = true;
  message.holder_channel = emission.channel;
  message.holder_consumer = emission.consumer;
  auto& held_by_consumer = channel.held[emission.consumer];
  held_by_consumer.insert(emission.name);
  std::size_t& bytes = held_bytes_[emission.name.queue];
  bytes += message.body_bytes;
  held_bytes_max_[emission.name.queue] = std::max(held_bytes_max_[emission.name.queue], bytes);
  if (emission.consumer == model::ConsumerId::none) {
    return;  // basic.get counts for no prefetch
  }
  if (channel.consumer_prefetch != 0 && held_by_consumer.size() > channel.consumer_prefetch) {
    fail(fmt::format("consumer {:x} holds {} messages, its prefetch is {}",
                     static_cast<std::uint64_t>(emission.consumer), held_by_consumer.size(),
                     channel.consumer_prefetch));
  }
  std::size_t held_by_channel = 0;
  for (const auto& [consumer, names] : channel.held) {
    held_by_channel += consumer == model::ConsumerId::none ? 0 : names.size();
  }
  if (channel.channel_prefetch != 0 && held_by_channel > channel.channel_prefetch) {
    fail(fmt::format("channel {} of connection {:x} holds {} messages, its prefetch is {}",
                     emission.channel.channel,
                     static_cast<std::uint64_t>(emission.channel.connection), held_by_channel,
                     channel.channel_prefetch));
  }
}

void Checker::batch_durable(std::span<const storage::MemoryBatch::QueueChange> changes,
                            std::uint64_t sealed_at) {
  for (const auto& change : changes) {
    if (change.progress) {
      progress_sealed_at_[change.queue] = sealed_at;
      const auto& sub_queues = change.progress->sub_queues;
      if (std::any_of(sub_queues.begin(), sub_queues.end(),
                      [](const auto& each) { return each.had_consumer; })) {
        had_consumer_.insert(change.queue);
      }
    }
  }
}

void Checker::begin_order_anew() {
  ++order_;
  last_number_.clear();
  last_due_ms_.clear();
}

void Checker::check_nothing_lost() {
  for (const auto& [name, message] : messages_) {
    check_not_lost(name, message);
  }
  for (const Transaction& transaction : transactions_) {
    check_transaction_is_whole(transaction);
  }
}

bool Checker::holds(const MessageName& name, model::ConsumerId consumer) const {
  const auto found = messages_.find(name);
  return found != messages_.end() && found->second.held &&
         found->second.holder_consumer == consumer;
}

std::size_t Checker::held_bytes_max(std::uint32_t queue) const {
  const auto bytes_of = [queue](const std::map<std::uint32_t, std::size_t>& bytes) {
    const auto found = bytes.find(queue);
    return found == bytes.end() ? 0 : found->second;
  };
  return bytes_of(held_bytes_max_) + bytes_of(unfollowed_bytes_);
}

}  // namespace lepus::simulation
