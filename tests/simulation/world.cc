#include "tests/simulation/world.h"

#include <cstdio>
#include <utility>

#include "broker/connection/channel.h"
#include "broker/model/queue.h"

namespace lepus::simulation {

/// Sees what the queues of a shard tell the connections of the same shard.
class World::ObservedHost final : public model::ConnectionHost {
 public:
  ObservedHost(World& world, connection::ShardConnections& connections)
      : world_(world), connections_(connections) {}

  void deliver(model::Deliver&& delivery) override {
    if (!world_.carrying_answer_) {
      world_.observe(delivery);
    }
    connections_.deliver(std::move(delivery));
  }

  void got(model::Got&& answer) override {
    if (!world_.carrying_answer_) {
      world_.observe(answer);
    }
    connections_.got(std::move(answer));
  }

  void confirmed(model::Confirmed&& each) override { connections_.confirmed(std::move(each)); }

  void started(model::Started&& each) override { connections_.started(std::move(each)); }

  void done(model::Done&& each) override { connections_.done(std::move(each)); }

  void counted(model::Counted&& each) override { connections_.counted(std::move(each)); }

  void consumer_cancelled(model::ConsumerCancelled&& each) override {
    connections_.consumer_cancelled(std::move(each));
  }

  void token_requested(model::TokenRequest&& each) override {
    connections_.token_requested(std::move(each));
  }

  void tokens_returned(model::TokenReturn&& each) override {
    connections_.tokens_returned(std::move(each));
  }

  void direct_reply(model::DirectReply&& each) override {
    connections_.direct_reply(std::move(each));
  }

  void close_connection(model::CloseConnection&& each) override {
    connections_.close_connection(std::move(each));
  }

  void owner_congested(model::OwnerCongested&& each) override {
    connections_.owner_congested(std::move(each));
  }

 private:
  World& world_;
  connection::ShardConnections& connections_;
};

World::OneShard::OneShard(World& world, model::ShardIndex index) : world(world), index(index) {
  connections =
      std::make_unique<connection::ShardConnections>(connection::ShardConnectionsEnvironment{
          .index = index,
          .shard_count = world.options_.shards,
          .clock = &world.clock,
          .topology = world.topology_.get(),
          .reply_consumers = world.reply_consumers_.get(),
          .counts = world.counts_.get(),
          .settings = &world.settings_,
          .random_number = [&world] { return world.random.number(); }});
  host = std::make_unique<ObservedHost>(world, *connections);
  shard = std::make_unique<model::Shard>(model::ShardEnvironment{
      .index = index,
      .shard_count = world.options_.shards,
      .clock = &world.clock,
      .store = world.store_.get(),
      .cut_gate = world.cut_gate_.get(),
      .topology = world.topology_.get(),
      .mailboxes = this,
      .connections = host.get(),
      // Small, so that runs of a few hundred messages write pages.
      .progress = {.items_max = 6, .page_positions = 8},
      .post = [this](std::function<void()> task) { tasks.push_back(std::move(task)); },
      .report_fault = [&world](std::string what) { world.faults.push_back(std::move(what)); }});
  connections->set_shard(*shard);
}

// The connections give everything back to the shard's queues, so they go first.
World::OneShard::~OneShard() {
  connections.reset();
}

void World::OneShard::send(model::ShardIndex to, model::Operation operation) {
  if (world.is_dying_) {
    return;
  }
  if (auto* delivery = std::get_if<model::Deliver>(&operation)) {
    world.observe(*delivery);
  } else if (auto* answer = std::get_if<model::Got>(&operation)) {
    world.observe(*answer);
  }
  outgoing.emplace_back(to, std::move(operation));
}

World::World(const WorldOptions& options)
    : random(options.seed),
      has_expiring_messages(options.seed % 2 == 0),
      queues(choose_queues(random, options.seed % 2 == 0)),
      exchanges(choose_exchanges(random)),
      has_large_messages(random.one_in(4)),
      read_faults_one_in(random.one_in(3) ? random.between(1, 6) : 0),
      has_policies(choose_policy_targets(queues, random)),
      checker(queues, exchanges),
      options_(options),
      disk_(make_simulated_disk(options.store, options.seed,
                                options.mutation != Mutation::store_does_not_sync)) {
  checker.closed_by_broker = [this](const model::ChannelRef& reference) {
    auto* connection =
        connections(model::shard_of(reference.connection)).find(reference.connection);
    auto* channel = connection == nullptr ? nullptr : connection->find_channel(reference.channel);
    return channel == nullptr || channel->serial() != reference.serial || channel->row().closing ||
           connection->state() == connection::Connection::State::closing;
  };
  checker.now_ms = [this] { return clock.wall_ms(); };
  clients.push_back(std::make_unique<Client>(*this, Role::administrator, 0));
  static constexpr Role roles[] = {Role::publisher,  Role::consumer, Role::publisher,
                                   Role::transactor, Role::consumer, Role::getter,
                                   Role::consumer};
  // Large messages are to pile up, so that queues outgrow what they may keep in memory.
  static constexpr Role roles_of_large[] = {Role::publisher,  Role::getter,   Role::publisher,
                                            Role::transactor, Role::consumer, Role::consumer,
                                            Role::publisher};
  static_assert(std::size(roles) == std::size(roles_of_large));
  const auto count = static_cast<std::uint32_t>(random.between(3, std::size(roles)));
  for (std::uint32_t number = 1; number <= count; ++number) {
    const Role role = (has_large_messages ? roles_of_large : roles)[number - 1];
    clients.push_back(std::make_unique<Client>(*this, role, number));
  }
  boot();
}

World::~World() {
  shut_down();
}

void World::print(const std::string& line) const {
  std::printf("%s\n", line.c_str());
}

// ---- steps

bool World::run_task() {
  OneShard& shard = *shards_[random.below(options_.shards)];
  if (shard.tasks.empty()) {
    return false;
  }
  const std::function<void()> task = std::move(shard.tasks.front());
  shard.tasks.pop_front();
  shard.in_turn = true;
  trace("shard {} runs a task", shard.index);
  task();
  return true;
}

void World::end_turn(OneShard& shard) {
  shard.in_turn = false;
  shard.connections->resume();
  shard.shard->end_turn();
  const auto hand_over = [&] {
    for (auto& [to, operation] : std::exchange(shard.outgoing, {})) {
      Box& each = box(shard.index, to);
      ++each.sent;
      each.operations.push_back(std::move(operation));
    }
  };
  hand_over();
  shard.connections->end_turn();
  hand_over();
  for (const auto& client : clients) {
    if (client->is_connected() && client->shard() == shard.index) {
      client->turn_ended();
    }
  }
  shard.in_turn |= shard.connections->has_pending_work();
}

bool World::end_turn() {
  OneShard& shard = *shards_[random.below(options_.shards)];
  if (!shard.in_turn) {
    return false;
  }
  trace("shard {} ends its turn", shard.index);
  end_turn(shard);
  return true;
}

bool World::commit() {
  // A store that answers early is found out when it has much to lose.
  const bool dawdles = options_.mutation == Mutation::store_answers_early && !random.one_in(50);
  if (store_->waiting_units() == 0 || dawdles) {
    return false;
  }
  if (store_->has_failed()) {
    // Not soon, so that those who were told something before act on it.
    constexpr std::size_t attempt_every = 8;
    if (!random.one_in(attempt_every)) {
      return false;
    }
    trace("store: it tries to go on");
    if (random.one_in(2)) {
      disk_->mend();
    }
    store_->resume();
    return true;
  }
  const std::size_t units = random.between(1, store_->waiting_units());
  trace("store: {} of {} units are durable", units, store_->waiting_units());
  store_->commit(units);
  disk_->maintain(random);
  return true;
}

bool World::answer_commit() {
  if (store_->unanswered_units() == 0) {
    return false;
  }
  trace("store: a unit is answered");
  store_->answer();
  return true;
}

bool World::read_store() {
  if (store_->waiting_reads() == 0) {
    return false;
  }
  read_one(random.below(store_->waiting_reads()), read_faults_one_in);
  return true;
}

void World::read_one(std::size_t index, std::size_t fails_one_in) {
  // What a queue reads at a time is more than most have, and is to end somewhere in between.
  constexpr std::size_t rows_few = 6;
  if (fails_one_in != 0 && random.one_in(fails_one_in)) {
    const std::size_t rows = random.below(rows_few);
    const bool is_damage = random.one_in(4);
    trace("store: a read {} after {} rows", is_damage ? "is damaged" : "fails", rows);
    ++read_faults;
    store_->fail_read(index, rows, is_damage ? ReadFault::damage : ReadFault::error);
    return;
  }
  const std::size_t rows_max = random.one_in(2) ? SIZE_MAX : random.between(1, rows_few);
  trace("store: a read");
  store_->read_one(index, rows_max);
}

void World::tick(std::int64_t by_ms) {
  clock.now_ms += by_ms;
  for (const auto& each : shards_) {
    each->in_turn = true;
    each->shard->tick();
    each->connections->tick();
  }
}

void World::fail_disk() {
  trace("store: a write is to fail");
  disk_->fail_soon(random);
}

void World::misbehave() {
  if (options_.mutation != Mutation::requeues_held) {
    return;
  }
  for (const auto& each : shards_) {
    std::optional<model::Settle> settle;
    each->shard->visit_queues([&](const model::Queue& queue) {
      for (const auto& consumer : queue.consumers().all()) {
        const model::ConsumerId id = consumer->specification.id;
        const auto last = last_delivered_.find(id);
        // Without a limit it is delivered again at once, before the client can settle it.
        const auto& specification = consumer->specification;
        if (last != last_delivered_.end() && !specification.channel_limited &&
            specification.prefetch_count == 0 && checker.holds(last->second.first, id)) {
          settle = model::Settle{
              queue.record().id, id, model::Settlement::requeue, {last->second.second}};
        }
      }
    });
    if (settle) {
      each->in_turn = true;
      each->shard->receive(std::move(*settle));
      return;
    }
  }
}

void World::topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) {
  for (const auto& each : shards_) {
    each->tasks.push_back([this, shard = each->shard.get(), index = each->index, up_to, outcome] {
      shard->topology_committed(up_to, outcome);
      if (outcome == storage::Outcome::committed) {
        policies_committed(index, up_to);
      }
    });
  }
}

}  // namespace lepus::simulation
