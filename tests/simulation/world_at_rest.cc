#include <algorithm>
#include <utility>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/base/limits.h"
#include "broker/model/dead_letter_outbox.h"
#include "broker/model/queue.h"
#include "tests/simulation/world.h"

// How a run comes to rest, and what is checked then and at every delivery.

namespace lepus::simulation {

namespace {

/// More rounds than any run needs to come to rest.
constexpr int rounds_max = 5000;
/// Quiet rounds: longer than anything that waits for the clock but the messages' times to live.
constexpr int quiet_rounds = 28;
/// The last of them, in which the clock stands still: what it has set off comes to its end.
constexpr int still_rounds = 4;
constexpr std::int64_t round_ms = 100;

/// Letters that a full queue refuses are tried again for ever.
bool is_retry(const model::Operation& operation) {
  if (const auto* publish = std::get_if<model::Publish>(&operation)) {
    return model::is_dead_letter_sender(publish->publisher.channel.connection);
  }
  if (const auto* confirmed = std::get_if<model::Confirmed>(&operation)) {
    return model::is_dead_letter_sender(confirmed->channel.connection) && confirmed->refused;
  }
  return std::holds_alternative<model::PublishesTaken>(operation);
}

/// The text of a fault that was reported.
bool is_of_failed_read(const std::string& fault) {
  return fault.ends_with(read_error) || fault.ends_with("message row shorter than its header");
}

}  // namespace

bool World::round(bool act) {
  bool busy = false;
  for (const auto& client : clients) {
    if (act) {
      client->act(true);
    }
    busy |= client->deliver_bytes(SIZE_MAX);
    busy |= client->read_bytes(SIZE_MAX, true);
    busy |= client->close_if_wished();
  }
  for (model::ShardIndex from = 0; from < options_.shards; ++from) {
    for (model::ShardIndex to = 0; to < options_.shards; ++to) {
      const auto& operations = box(from, to).operations;
      if (!operations.empty()) {
        busy |= !std::ranges::all_of(operations, is_retry);
        carry(from, to, operations.size());
      }
    }
  }
  while (!disk_->is_off() && (store_->waiting_units() > 0 || store_->unanswered_units() > 0)) {
    if (store_->has_failed()) {
      disk_->mend();
      store_->resume();
    }
    store_->commit(store_->waiting_units());
    static_cast<void>(answer_commit());
    busy = true;
  }
  while (store_->waiting_reads() > 0) {
    // Some fail here too, and are tried again when nothing else happens.
    read_one(0, read_faults_one_in == 0 ? 0 : read_faults_one_in + 2);
    busy = true;
  }
  for (const auto& each : shards_) {
    while (!each->tasks.empty()) {
      const std::function<void()> task = std::move(each->tasks.front());
      each->tasks.pop_front();
      each->in_turn = true;
      task();
      busy = true;
    }
    if (each->in_turn) {
      end_turn(*each);
    }
  }
  return busy;
}

std::uint64_t World::count_published() const {
  std::uint64_t count = 0;
  for (const auto& each : shards_) {
    each->shard->visit_queues(
        [&count](const model::Queue& queue) { count += queue.counters().publish; });
  }
  return count;
}

void World::come_to_rest(bool act) {
  int quiet = 0;
  for (int count = 0; quiet < quiet_rounds; ++count) {
    if (!checker.violation().empty() || disk_->is_off()) {
      return;
    }
    if (count == rounds_max) {
      checker.fail("the broker does not come to rest");
      return;
    }
    const bool busy = round(act);
    // What a transient queue passes on to one of its shard takes no mail and no store.
    const std::uint64_t before = std::exchange(published_at_rest_, count_published());
    quiet = busy || published_at_rest_ != before ? 0 : quiet + 1;
    checker.check_suspicions();
    if (quiet > 0 && quiet < quiet_rounds - still_rounds) {
      tick(round_ms);
    }
  }
}

void World::pass_delays() {
  const std::int64_t wait_ms = checker.last_due_ms() - clock.wall_ms();
  if (wait_ms > 0) {
    trace("==== {} ms pass until all is due", wait_ms);
    tick(wait_ms);
  }
  come_to_rest(false);
  have_delays_passed_ = true;
  for (const auto& record : topology_->list_delay_queues()) {
    if (record->delayed_count > 0) {
      checker.fail(fmt::format("{} messages of {} are due and not released",
                               record->delayed_count.load(), record->name));
    }
  }
}

void World::check_queues(bool at_rest) {
  for (const auto& each : shards_) {
    each->shard->visit_queues([&](const model::Queue& queue) {
      queue.check_invariants();
      if (!at_rest) {
        return;
      }
      const auto number = queue_number(queue.record().id);
      const std::size_t held = number ? checker.held_bytes_max(*number) : 0;
      check_limits(queue);
      check_settings(queue);
      // What was held may have come back to memory; a chunk and a message may lie above the window
      // of each priority.
      const std::size_t windows = queue.record().settings.max_priority + std::size_t{1};
      const std::size_t bytes_max =
          windows * (limits::queue_window_bytes_max + limits::read_chunk_bytes_max +
                     std::size_t{1'000'000}) +
          2 * held;
      if (queue.memory_bytes() > bytes_max) {
        checker.fail(fmt::format("{} takes {} bytes of memory at rest, more than {}",
                                 queue.record().described(), queue.memory_bytes(), bytes_max));
      }
    });
  }
  constexpr std::uint64_t cost_max = limits::output_window_bytes_max + 1'000'000;
  for (const auto& client : clients) {
    if (client->is_connected() &&
        client->connection().output().waiting_cost() > cost_max * options_.shards) {
      checker.fail("too much waits in the output to " + client->describe());
    }
  }
  // A store that forgets rows is also noticed by the broker itself, which here is not to hide what
  // the checker sees.
  const auto unexplained = std::ranges::find_if_not(faults, [this](const std::string& fault) {
    return read_faults > 0 && is_of_failed_read(fault);
  });
  if (unexplained != faults.end() && options_.mutation != Mutation::store_forgets_rows) {
    checker.fail("a shard reports: " + *unexplained);
  }
}

/// Nothing is in it any more that should have gone by itself.
void World::check_limits(const model::Queue& queue) {
  const model::QueueSettings& settings = queue.settings();
  const bool keeps = settings.keeps_dead_letters();
  // Longer than the queue's messages live.
  constexpr std::int64_t rest_ms = (quiet_rounds - still_rounds) * round_ms;
  if (settings.message_ttl_ms && *settings.message_ttl_ms < rest_ms && !keeps &&
      (exchanges.empty() || have_delays_passed_) && queue.ready_count() > 0) {
    checker.fail(fmt::format("{} has {} messages that have expired", queue.record().described(),
                             queue.ready_count()));
  }
  const bool is_too_long =
      (settings.max_length && queue.ready_count() > *settings.max_length) ||
      (settings.max_length_bytes && queue.ready_bytes() > *settings.max_length_bytes);
  if (settings.overflow == model::QueueSettings::Overflow::drop_head && is_too_long) {
    checker.fail(fmt::format("{} has {} messages of {} bytes, more than it may",
                             queue.record().described(), queue.ready_count(), queue.ready_bytes()));
  }
}

void World::check_all_served(bool are_drained) {
  for (const auto& each : shards_) {
    each->shard->visit_queues([&](const model::Queue& queue) {
      const auto number = queue_number(queue.record().id);
      // What its target does not take stays in a queue.
      const auto is_ever = [this](std::uint32_t of, auto predicate) {
        return checker.history(of).any(INT64_MIN, INT64_MAX, predicate);
      };
      const bool may_keep = !are_drained && number &&
                            is_ever(*number, &QueueTraits::keeps_letters) &&
                            is_ever(*queues[*number].dead_letters_to, &QueueTraits::refuses);
      if (queue.unacked_count() > 0 && !may_keep) {
        checker.fail(fmt::format("{} has {} unacked messages although everybody has settled",
                                 queue.record().described(), queue.unacked_count()));
      }
      if (!queue.consumers().empty() && queue.ready_count() > 0) {
        checker.fail(fmt::format("{} has {} ready messages and {} consumers that wait",
                                 queue.record().described(), queue.ready_count(),
                                 queue.consumers().size()));
      }
    });
  }
  for (const auto& client : clients) {
    if (!client->is_content()) {
      checker.fail("something was not answered: " + client->describe());
    }
  }
}

// ---- observation

std::optional<std::uint32_t> World::queue_number(model::QueueId id) {
  if (const auto found = queue_numbers_.find(id); found != queue_numbers_.end()) {
    return found->second;
  }
  const auto record = topology_->find_queue(id);
  if (record == nullptr) {
    return std::nullopt;
  }
  for (std::uint32_t number = 0; number < queues.size(); ++number) {
    if (queues[number].name == record->name) {
      return queue_numbers_[id] = number;
    }
  }
  return std::nullopt;
}

World::Deaths World::deaths(std::string_view properties) const {
  const auto decoded = amqp::decode_properties(properties);
  const auto headers = decoded && decoded->headers
                           ? amqp::FieldTable::decode(decoded->headers->bytes)
                           : std::nullopt;
  const auto text_of = [&headers](std::string_view name) -> std::string_view {
    const amqp::FieldValue* value = headers ? headers->find(name) : nullptr;
    return value == nullptr || value->as_string() == nullptr ? std::string_view{}
                                                             : *value->as_string();
  };
  const auto queue_of = [&](std::string_view name) {
    const auto found = std::ranges::find(queues, text_of(name), &QueueTraits::name);
    return found == queues.end() ? never_died : static_cast<std::uint32_t>(found - queues.begin());
  };
  Deaths deaths{queue_of("x-first-death-queue"), queue_of("x-last-death-queue")};
  deaths.shows_bcc = headers && headers->find("BCC") != nullptr;
  const std::string_view reason = text_of("x-last-death-reason");
  deaths.last = reason == "rejected"         ? Death::rejected
                : reason == "expired"        ? Death::expired
                : reason == "maxlen"         ? Death::maxlen
                : reason == "delivery_limit" ? Death::delivery_limit
                                             : Death::none;
  return deaths;
}

void World::observe(model::Deliver& delivery) {
  if (is_dying_) {
    return;
  }
  if (options_.mutation == Mutation::clears_redelivered) {
    delivery.redelivered = false;
  }
  observe({.channel = delivery.channel,
           .consumer = delivery.consumer,
           .queue_id = delivery.queue,
           .place = delivery.place,
           .redelivered = delivery.redelivered,
           .no_ack = delivery.no_ack},
          *delivery.message);
}

void World::observe(model::Got& answer) {
  if (is_dying_ || !answer.message) {
    return;
  }
  observe({.channel = answer.request.channel,
           .queue_id = answer.queue,
           .place = answer.place,
           .redelivered = answer.redelivered,
           .no_ack = answer.no_ack},
          *answer.message);
}

/// Nobody gets a message who has to wait for somebody else.
void World::check_turn(const Emission& emission) {
  const auto record = topology_->find_queue(emission.queue_id);
  const model::Queue* queue =
      record == nullptr ? nullptr : shards_[record->owner]->shard->find_queue(record->id);
  if (queue == nullptr || emission.consumer == model::ConsumerId::none) {
    return;
  }
  const model::Consumer* taker = queue->consumers().find(emission.consumer);
  if (taker == nullptr) {
    checker.fail(record->described() + " delivers to a consumer that it does not have");
    return;
  }
  if (record->settings.single_active_consumer) {
    model::ConsumerId& active = active_[record->id];
    if (active != emission.consumer && queue->consumers().find(active) != nullptr) {
      checker.fail(record->described() + " delivers to a consumer that is not the active one");
    }
    active = emission.consumer;
    return;
  }
  for (const auto& other : queue->consumers().all()) {
    const bool could_take = other->has_prefetch_left() && other->window->available_bytes > 0 &&
                            !other->stalled && !other->specification.channel_limited;
    if (could_take && other->specification.priority > taker->specification.priority) {
      checker.fail(fmt::format("{} delivers to a consumer of priority {} before one of {}",
                               record->described(), taker->specification.priority,
                               other->specification.priority));
    }
  }
}

void World::observe(const Emission& emission, const model::Message& message) {
  const auto number = queue_number(emission.queue_id);
  if (!number) {
    return;  // Its queue is being deleted.
  }
  check_turn(emission);
  Emission named = emission;
  named.name.queue = *number;
  const Deaths died = deaths(message.properties());
  named.name.first_death = died.first_queue;
  named.last_queue = died.last_queue;
  named.last_death = died.last;
  named.published_ms = message.traits().published_ms;
  if (died.shows_bcc) {
    checker.fail("the header BCC is shown to a consumer of " + queues[*number].name);
  }
  if (!read_body(message.body(), named.name.publisher, named.name.number)) {
    checker.fail("a damaged message is delivered from " + queues[*number].name);
    return;
  }
  trace("{} at {} goes to {} {:x}{}{}", to_text(named.name), emission.place.position,
        emission.consumer == model::ConsumerId::none ? "a get of" : "consumer",
        emission.consumer == model::ConsumerId::none
            ? static_cast<std::uint64_t>(emission.channel.connection)
            : static_cast<std::uint64_t>(emission.consumer),
        emission.redelivered ? ", redelivered" : "", emission.no_ack ? ", without ack" : "");
  checker.emitted(named);
  if (!named.no_ack && named.consumer != model::ConsumerId::none) {
    last_delivered_[named.consumer] = {named.name, named.place};
  }
}

}  // namespace lepus::simulation
