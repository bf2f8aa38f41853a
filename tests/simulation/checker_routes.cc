#include <algorithm>

#include <fmt/format.h>

#include "tests/simulation/checker.h"

// What goes through an exchange whose bindings change, and may wait there until it is due: it is
// released once, not before its time, to the queues that the exchange leads to then.

namespace lepus::simulation {

void Checker::route_changes(std::uint32_t exchange, std::uint32_t queue) {
  route(exchange, queue).begin_change(now_ms());
}

void Checker::route_changed(std::uint32_t exchange, std::uint32_t queue, bool leads) {
  route(exchange, queue).end_change(leads, now_ms());
}

bool Checker::route_is_certain(std::uint32_t exchange, std::uint32_t queue) const {
  return route(exchange, queue).is_certain();
}

void Checker::published_through(std::uint32_t exchange, std::int64_t delay_ms,
                                const std::vector<MessageName>& names, const Published& what) {
  auto routed = std::make_shared<Routed>();
  routed->exchange = exchange;
  routed->delay_ms = std::max<std::int64_t>(delay_ms, 0);
  routed->due_ms = now_ms() + routed->delay_ms;
  routed->names = names;
  for (const MessageName& name : names) {
    Message& message = add(name, what);
    message.routed = routed;
    if (routed->is_delayed()) {
      message.sent_ms = routed->due_ms;
      message.removed = false;
      message.may_be_gone = false;
    }
    has_no_letters(name, message);
  }
  routed_[{names.front().publisher, names.front().number}] = std::move(routed);
}

std::int64_t Checker::last_due_ms() const {
  std::int64_t last_ms = 0;
  for (const auto& [publish, routed] : routed_) {
    const std::int64_t due_ms = routed->due_by_ms.value_or(now_ms() + routed->delay_ms);
    last_ms = std::max(last_ms, routed->is_gone ? 0 : due_ms);
  }
  return last_ms;
}

bool Checker::is_delayed(const Message& message) {
  return message.routed != nullptr && message.routed->is_delayed();
}

/// It is not in its queue yet, for certain.
bool Checker::waits(const Message& message) const {
  return is_delayed(message) && message.routed->due_ms > now_ms();
}

/// A purge or deletion that ends now has met what was released meanwhile.
void Checker::note_removed(std::uint32_t queue, bool begins) {
  for (auto found = messages_.lower_bound({queue, 0, 0});
       found != messages_.end() && found->first.queue == queue; ++found) {
    Message& message = found->second;
    if (begins ? !waits(message) : is_delayed(message) && !waits(message)) {
      message.may_be_gone = true;
      message.removed = true;
    }
  }
}

/// The exchange has led to the queue when the message was routed, as far as that is certain.
bool Checker::must_have_come(const MessageName& name, const Message& message) const {
  if (message.routed == nullptr || message.kept) {
    return true;
  }
  const Routed& routed = *message.routed;
  if (routed.is_forgotten || message.emissions > 0) {
    return !routed.is_forgotten;
  }
  if (routed.is_delayed() && may_refuse(name, message)) {
    return false;
  }
  const RouteHistory& history = route(routed.exchange, name.queue);
  return routed.released_ms ? history.has_led(*routed.released_ms, *routed.released_ms)
                            : routed.due_ms <= now_ms() && history.has_led(routed.due_ms, now_ms());
}

/// A message that is in a queue was put there at that time.
void Checker::check_release(const MessageName& name, const Message& message,
                            std::int64_t released_ms) {
  if (message.routed == nullptr || name.first_death != never_died) {
    return;
  }
  Routed& routed = *message.routed;
  if (!routed.is_delayed()) {
    if (!route(routed.exchange, name.queue).may_have_led(routed.due_ms, now_ms())) {
      fail(fmt::format("{} came although nothing has led there", to_text(name)));
    }
    return;
  }
  if (released_ms < routed.due_ms) {
    fail(fmt::format("{} was released {} ms before it was due", to_text(name),
                     routed.due_ms - released_ms));
  }
  if (!route(routed.exchange, name.queue).may_have_led(released_ms, released_ms)) {
    fail(fmt::format("{} was released to where nothing has led", to_text(name)));
  }
  if (routed.released_ms.value_or(released_ms) != released_ms) {
    fail(fmt::format("{} was released twice, {} ms apart", to_text(name),
                     released_ms - *routed.released_ms));
  }
  routed.released_ms = released_ms;
}

/// What was due before comes before, if it goes to a queue for the first time.
void Checker::check_due_order(const Emission& emission, const Message& message) {
  const Routed& routed = *message.routed;
  std::int64_t& last_ms = last_due_ms_[{emission.name.queue, routed.exchange, message.priority}];
  if (routed.due_by_ms && *routed.due_by_ms < last_ms) {
    fail(fmt::format("{} came after what was due {} ms later", to_text(emission.name),
                     last_ms - *routed.due_by_ms));
  }
  last_ms = std::max(last_ms, routed.due_ms);
}

// ---- starts

void Checker::routes_after_restart() {
  for (std::uint32_t exchange = 0; exchange < exchanges_.size(); ++exchange) {
    for (std::uint32_t queue = 0; queue < queues_.size(); ++queue) {
      const bool is_kept = exchanges_[exchange].durable && queues_[queue].durable;
      route(exchange, queue).restart(is_kept, now_ms());
    }
  }
}

void Checker::delayed_at_start(std::uint32_t exchange, const FoundDelayed& delayed,
                               const Found& found) {
  for (const auto& [publish, count] : delayed) {
    const auto of_publish = routed_.find(publish);
    const bool is_known = of_publish != routed_.end() && of_publish->second->is_delayed() &&
                          of_publish->second->exchange == exchange;
    if (!is_known) {
      fail(fmt::format("message {} of publisher {} is delayed although nobody has published it so",
                       publish.second, publish.first));
      return;
    }
    check_delayed_at_start(*of_publish->second, count, found);
    wait_anew(*of_publish->second);
  }
  for (const auto& [publish, routed] : routed_) {
    if (routed->exchange == exchange && !delayed.contains(publish)) {
      check_not_lost_while_delayed(*routed);
    }
  }
}

void Checker::check_delayed_at_start(const Routed& routed, std::size_t count, const Found& found) {
  const std::string text = to_text(routed.names.front());
  if (count > 1) {
    fail(fmt::format("{} is delayed {} times", text, count));
  }
  if (routed.is_gone || routed.is_released_durably || !exchanges_[routed.exchange].durable) {
    fail(text + " is delayed after a restart although it was gone");
  }
  for (const MessageName& name : routed.names) {
    check_transaction(name, messages_.at(name));
    for (std::optional<MessageName> at = name; at; at = letter_of(*at)) {
      if (found.contains(*at) && !messages_.at(*at).doubled) {
        fail(fmt::format("{} is in two places: delayed as well", to_text(*at)));
      }
    }
  }
}

/// All that has become of it in the run before has not happened.
void Checker::wait_anew(Routed& routed) {
  routed.is_kept = true;
  routed.released_ms.reset();
  for (const MessageName& name : routed.names) {
    Message& message = messages_.at(name);
    message = {.asked_persistent = message.asked_persistent,
               .persistent = message.persistent,
               .asked_priority = message.asked_priority,
               .priority = message.priority,
               .body_bytes = message.body_bytes,
               .transaction = message.transaction,
               .sent_ms = routed.due_ms,
               .expiration_ms = message.expiration_ms,
               .published_in_run = run_,
               .confirmed = message.confirmed,
               .routed = message.routed};
    has_no_letters(name, message);
  }
}

/// From now on it is in its queues, or nowhere.
void Checker::check_not_lost_while_delayed(Routed& routed) {
  const bool is_promised = routed.is_kept || routed.due_by_ms;
  if (routed.is_delayed() && !routed.is_gone && is_promised && routed.due_ms > now_ms() &&
      exchanges_[routed.exchange].durable) {
    fail(fmt::format("{} was {} and is lost before it was due", to_text(routed.names.front()),
                     routed.is_kept ? "stored" : "confirmed"));
  }
  routed.is_forgotten |= routed.is_delayed() && !exchanges_[routed.exchange].durable;
  routed.is_gone = true;
}

}  // namespace lepus::simulation
