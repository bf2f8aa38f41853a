#include "tests/simulation/world.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <utility>

#include "broker/connection/channel.h"
#include "broker/model/queue.h"

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

/// @return whether policies change in the run
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

std::vector<ExchangeTraits> choose_exchanges(Random& random) {
  using Routing = ExchangeTraits::Routing;
  static constexpr Routing routings[] = {Routing::direct, Routing::fanout, Routing::topic,
                                         Routing::headers};
  std::vector<ExchangeTraits> exchanges(random.one_in(2) ? 0 : random.between(1, 2));
  for (std::size_t number = 0; number < exchanges.size(); ++number) {
    exchanges[number] = {.name = fmt::format("delayed{}-{}", number, random.below(1000)),
                         .durable = !random.one_in(5),
                         .routing = routings[random.below(std::size(routings))]};
  }
  return exchanges;
}

}  // namespace

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

// ---- start and end

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

// ---- steps

void World::carry(model::ShardIndex from, model::ShardIndex to, std::size_t count) {
  Box& each = box(from, to);
  OneShard& receiver = *shards_[to];
  receiver.in_turn = true;
  trace("mail: {} of {} operations from shard {} to {}", count, each.operations.size(), from, to);
  auto& operations = each.operations;
  if (options_.mutation == Mutation::swaps_publishes && operations.size() > 1 &&
      std::holds_alternative<model::Publish>(operations[0]) &&
      std::holds_alternative<model::Publish>(operations[1])) {
    std::swap(operations[0], operations[1]);
  }
  for (; count > 0; --count) {
    model::Operation operation = std::move(operations.front());
    operations.pop_front();
    ++each.carried;
    carrying_answer_ = std::holds_alternative<model::Deliver>(operation) ||
                       std::holds_alternative<model::Got>(operation);
    if (const auto* leaving = std::get_if<model::LeaveQueue>(&operation);
        leaving != nullptr && options_.mutation == Mutation::cancels_first) {
      for (const auto& holder : leaving->holders) {
        receiver.shard->receive(
            model::CancelConsumer{.queue = leaving->queue, .consumer = holder.consumer});
      }
    }
    if (options_.mutation != Mutation::loses_settles ||
        !std::holds_alternative<model::Settle>(operation)) {
      receiver.shard->receive(std::move(operation));
    }
    carrying_answer_ = false;
  }
  while (!each.settlings.empty() && each.settlings.front().first <= each.carried) {
    checker.settling_arrived(each.settlings.front().second);
    each.settlings.pop_front();
  }
}

bool World::carry_mail() {
  const auto from = static_cast<model::ShardIndex>(random.below(options_.shards));
  const auto to = static_cast<model::ShardIndex>(random.below(options_.shards));
  const std::size_t waiting = box(from, to).operations.size();
  if (waiting == 0) {
    return false;
  }
  // The transport carries over all that lies there; between two shards' boxes anything may happen.
  carry(from, to, random.one_in(2) ? waiting : random.between(1, waiting));
  return true;
}

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

void World::settling_executed(std::size_t shard, const SentSettling& settling) {
  const auto record = topology_->find_queue("/", queues[settling.name.queue].name);
  if (record == nullptr) {
    return;
  }
  Box& each = box(static_cast<model::ShardIndex>(shard), record->owner);
  if (record->owner == shard || each.carried == each.sent) {
    checker.settling_arrived(settling);
  } else {
    each.settlings.emplace_back(each.sent, settling);
  }
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
