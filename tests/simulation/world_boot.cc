#include <algorithm>
#include <span>

#include "tests/simulation/world.h"

// How the broker starts, stops and dies.

namespace lepus::simulation {

namespace {

StoreFault store_fault(Mutation mutation) {
  switch (mutation) {
    case Mutation::store_forgets_rows:
      return StoreFault::forgets_rows;
    case Mutation::store_forgets_progress:
      return StoreFault::forgets_progress;
    case Mutation::store_answers_early:
      return StoreFault::answers_early;
    case Mutation::store_splits_units:
      return StoreFault::splits_units;
    case Mutation::store_hides_faults:
      return StoreFault::hides_faults;
    case Mutation::none:
    case Mutation::acks_rejects:
    case Mutation::commits_rollbacks:
    case Mutation::store_does_not_sync:
    case Mutation::swaps_publishes:
    case Mutation::loses_settles:
    case Mutation::clears_redelivered:
    case Mutation::requeues_held:
    case Mutation::raises_prefetch:
    case Mutation::cancels_first:
      return StoreFault::none;
  }
  return StoreFault::none;
}

/// What kills messages of the queue.
}  // namespace

void World::make_store() {
  store_ = std::make_unique<SimulatedStore>(
      *disk_,
      SimulatedStore::Observer{
          [this] { return checker.moment(); },
          [this](SimulatedStore::QueueChanges changes, std::uint64_t sealed_at) {
            checker.batch_durable(changes, sealed_at);
          },
          [this] {
            trace("store: a write has failed");
            ++store_faults;
            checker.store_failed();
          }},
      store_fault(options_.mutation));
  cut_gate_ = std::make_unique<storage::CutGate>(*store_);
}

/// Until a start comes to its end with the power on.
void World::boot() {
  while (checker.violation().empty() && !start_broker()) {
    trace("==== the power goes in the start");
    ++interrupted_starts;
    store_->crash(0, random);
    shut_down();
    checker.broker_restarted(false);
    if (const auto error = disk_->restart(random)) {
      checker.fail("the store does not start: " + *error);
    }
  }
}

bool World::start_broker() {
  make_store();
  if (random.one_in(4)) {
    disk_->power_off_in_start(random);
  }
  store_->answer_at_once(true);
  const storage::Recovered recovered = store_->take_recovered();
  model::TopologyOptions topology_options{.shards = options_.shards};
  topology_options.random_bytes = [this](std::span<unsigned char> bytes) {
    for (unsigned char& byte : bytes) {
      byte = static_cast<unsigned char>(random.number());
    }
  };
  topology_ = std::make_unique<model::Topology>(*store_, clock, std::move(topology_options));
  const auto loaded = topology_->load(recovered);
  if (disk_->is_off()) {
    return false;
  }
  if (!loaded) {
    checker.fail("the topology can't be loaded: " + loaded.error().text);
    return false;
  }
  look_at_policies();
  look_at_store(recovered);
  reply_consumers_ = std::make_unique<model::ReplyConsumers>();
  counts_ = std::make_unique<model::ConnectionCounts>();
  topology_->set_listener(this);
  boxes_ = std::vector<Box>(std::size_t{options_.shards} * options_.shards);
  for (model::ShardIndex index = 0; index < options_.shards; ++index) {
    shards_.push_back(std::make_unique<OneShard>(*this, index));
    shards_.back()->shard->load(recovered);
  }
  store_->recovery_finished(topology_->orphans(recovered));
  store_->answer_at_once(false);
  // What does not survive is there again before anybody else comes.
  Client& administrator = *clients.front();
  administrator.connect();
  administrator.set_up();
  come_to_rest(false);
  queue_numbers_.clear();
  if (disk_->is_off()) {
    return false;
  }
  disk_->stay_on();
  return true;
}

void World::shut_down() {
  is_dying_ = true;
  for (const auto& client : clients) {
    client->cut();
  }
  if (topology_) {
    topology_->set_listener(nullptr);
  }
  shards_.clear();
  boxes_.clear();
  active_.clear();
  topology_.reset();
  is_dying_ = false;
}

void World::crash() {
  const bool splits = options_.mutation == Mutation::store_splits_units;
  const std::size_t durable = splits ? 0 : random.below(store_->waiting_units() + 1);
  trace("==== crash: {} of {} units are durable", durable, store_->waiting_units());
  store_->crash(durable, random);
  shut_down();
  checker.broker_restarted(false);
  restart_disk();
}

void World::restart_disk() {
  if (const auto error = disk_->restart(random)) {
    checker.fail("the store does not start: " + *error);
    return;
  }
  boot();
}

void World::restart_cleanly() {
  trace("==== clean restart");
  for (const auto& client : clients) {
    client->cut();
  }
  come_to_rest(false);
  const auto is_busy = [](const auto& each) { return each->shard->has_pending_work(); };
  // Messages may expire meanwhile, but not for ever.
  for (int count = 0; count < 20 && std::ranges::any_of(shards_, is_busy); ++count) {
    for (const auto& each : shards_) {
      each->shard->seal_now();
    }
    while (round(false)) {
    }
  }
  if (std::ranges::any_of(shards_, is_busy)) {
    checker.fail("a shard has something to commit after all was sealed and committed");
  }
  disk_->mend();
  store_->close(true);
  shut_down();
  checker.broker_restarted(true);
  restart_disk();
}

}  // namespace lepus::simulation
