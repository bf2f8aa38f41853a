#include "tests/simulation/simulation.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <unistd.h>

namespace lepus::simulation {

namespace {

/// What an abort prints: an assertion of the broker's does not come back here.
std::array<char, 256> aborted_run{};

void print_aborted_run(int) {
  static_cast<void>(!write(STDERR_FILENO, aborted_run.data(), std::strlen(aborted_run.data())));
  std::signal(SIGABRT, SIG_DFL);
}

/// How often what happens in this run; the seed's character.
struct Weights {
  Weights(Random& random, StoreKind store) {
    for (std::size_t* weight :
         {&act, &deliver, &read, &turn, &mail, &task, &commit, &answer, &store_read}) {
      // Now and then something is very slow.
      *weight = random.one_in(5) ? random.between(1, 3) : random.between(10, 30);
    }
    cut = random.below(3) * 2;
    fault_every = random.one_in(3) ? random.between(1, 12) : 0;
    // Over the real store it is the starts that matter.
    crash_every = random.one_in(store == StoreKind::memory ? 2 : 8) ? 0 : random.between(300, 1500);
  }

  std::size_t act = 0;
  std::size_t deliver = 0;
  std::size_t read = 0;
  std::size_t turn = 0;
  std::size_t mail = 0;
  std::size_t task = 0;
  std::size_t commit = 0;
  std::size_t answer = 0;
  std::size_t store_read = 0;
  std::size_t cut = 0;
  std::size_t fault_every = 0;
  std::size_t crash_every = 0;
};

std::size_t piece_bytes(Random& random) {
  switch (random.below(4)) {
    case 0:
      return random.between(1, 20);
    case 1:
      return random.between(1, 1000);
    default:
      return SIZE_MAX;
  }
}

void step(World& world, const Weights& weights) {
  Random& random = world.random;
  Client& client = *world.clients[random.below(world.clients.size())];
  const std::size_t total = weights.act + weights.deliver + weights.read + weights.turn +
                            weights.mail + weights.task + weights.commit + weights.answer +
                            weights.store_read + 3;
  std::size_t chosen = random.below(total);
  const auto is = [&](std::size_t weight) {
    const bool chosen_here = chosen < weight;
    chosen -= chosen_here ? 0 : weight;
    return chosen_here;
  };
  if (is(weights.act)) {
    client.act(false);
  } else if (is(weights.deliver)) {
    bool more = client.deliver_bytes(piece_bytes(random));
    // Large messages are to get somewhere, so that queues outgrow their windows.
    for (int count = 0; more && world.has_large_messages && count < 24; ++count) {
      more = client.deliver_bytes(SIZE_MAX);
    }
  } else if (is(weights.read)) {
    client.read_bytes(piece_bytes(random), client.role() == Role::administrator);
    client.close_if_wished();
  } else if (is(weights.turn)) {
    world.end_turn();
  } else if (is(weights.mail)) {
    world.carry_mail();
  } else if (is(weights.task)) {
    world.run_task();
  } else if (is(weights.commit)) {
    world.commit();
  } else if (is(weights.answer)) {
    world.answer_commit();
  } else if (is(weights.store_read)) {
    world.read_store();
  } else {
    world.tick(static_cast<std::int64_t>(random.below(random.one_in(5) ? 1500 : 50)));
    world.misbehave();
    if (world.has_policies && random.one_in(3)) {
      world.change_policies();
    }
    if (weights.fault_every != 0 && random.one_in(weights.fault_every)) {
      world.fail_disk();
    }
  }
  if (weights.cut != 0 && client.role() != Role::administrator &&
      random.one_in(1000 / weights.cut)) {
    client.cut();
  }
  world.checker.check_suspicions();
}

/// When the process dies. Most of the time the store has nothing to do, so most crashes wait for a
/// moment at which something is on its way to the disk.
class Crashes {
 public:
  explicit Crashes(std::size_t every) : every_(every) {}

  [[nodiscard]] bool is_due(World& world) {
    constexpr std::size_t while_failed_every = 80;
    if (every_ != 0 && world.store_has_failed() && world.random.one_in(while_failed_every)) {
      return true;
    }
    if (every_ == 0 || (patience_ == 0 && !world.random.one_in(every_))) {
      return false;
    }
    if (patience_ == 0) {
      constexpr std::size_t steps_max = 600;
      patience_ = world.random.one_in(4) ? 1 : steps_max;
      is_choosy_ = world.mutation() == Mutation::store_splits_units || world.random.one_in(2);
    }
    --patience_;
    if (patience_ > 0 && !(is_choosy_ ? world.is_storing_together() : world.is_storing())) {
      return false;
    }
    patience_ = 0;
    return true;
  }

 private:
  const std::size_t every_;
  std::size_t patience_ = 0;  ///< so many steps more; 0: no crash is wanted
  bool is_choosy_ = false;
};

void run_steps(World& world, std::size_t steps, StoreKind store, RunResult& result) {
  const Weights weights(world.random, store);
  Crashes crashes(weights.crash_every);
  for (std::size_t count = 0; count < steps && world.checker.violation().empty(); ++count) {
    step(world, weights);
    if (crashes.is_due(world)) {
      ++result.crashes;
      if (world.random.one_in(4)) {
        world.restart_cleanly();
      } else {
        world.crash();
      }
    }
    if (count % 16 == 0) {
      world.check_queues(false);
    }
  }
}

void finish(World& world, RunResult& result) {
  const auto ok = [&] { return world.checker.violation().empty(); };
  if (ok() && world.random.one_in(2)) {
    world.trace("==== everybody settles");
    world.come_to_rest(true);
    if (ok()) {
      world.check_all_served(false);
    }
  }
  if (ok() && world.random.one_in(3)) {
    ++result.crashes;
    world.crash();
  }
  if (ok()) {
    world.trace("==== everybody goes");
    for (const auto& client : world.clients) {
      if (client->role() != Role::administrator) {
        client->cut();
      }
    }
    world.come_to_rest(false);
    world.check_queues(true);
  }
  const bool passes_before = world.random.one_in(2);
  if (ok() && passes_before) {
    world.pass_delays();
  }
  if (ok() && world.random.one_in(3)) {
    ++result.crashes;
    world.random.one_in(2) ? world.restart_cleanly() : world.crash();
  }
  if (ok() && !passes_before) {
    world.pass_delays();
  }
  if (ok()) {
    world.check_queues(true);
    world.trace("==== the queues are drained");
    world.checker.begin_order_anew();
    world.clients.push_back(std::make_unique<Client>(world, Role::drainer, 99));
    world.clients.back()->connect();
    world.clients.back()->drain_queues();
    world.come_to_rest(false);
    world.check_queues(true);
    world.check_all_served(true);
    world.checker.check_nothing_lost();
  }
}

}  // namespace

std::string command_line(const WorldOptions& options, std::size_t steps) {
  return fmt::format("simulate --seed {} --shards {} --steps {}{} --verbose", options.seed,
                     options.shards, steps,
                     options.store == StoreKind::rocksdb ? " --store rocksdb" : "");
}

RunResult run_simulation(WorldOptions options, std::size_t steps) {
  if (options.shards == 0) {
    options.shards = static_cast<std::uint32_t>(1 + options.seed % 3);
  }
  const std::string abort_text = "aborted in: " + command_line(options, steps) + '\n';
  std::copy_n(abort_text.c_str(), std::min(abort_text.size() + 1, aborted_run.size() - 1),
              aborted_run.begin());
  const auto handler_before = std::signal(SIGABRT, print_aborted_run);
  RunResult result;
  auto world = std::make_unique<World>(options);
  run_steps(*world, steps, options.store, result);
  finish(*world, result);
  result.violation = world->checker.violation();
  result.emissions = world->checker.emission_count();
  result.confirms = world->checker.confirmed_count();
  result.store_faults = world->store_faults;
  result.read_faults = world->read_faults;
  result.interrupted_starts = world->interrupted_starts;
  result.fingerprint = world->random.number() ^ world->checker.moment();
  if (!result.violation.empty()) {
    world->abandon();
    static auto& broken_worlds = *new std::vector<std::unique_ptr<World>>();
    broken_worlds.push_back(std::move(world));
  }
  world.reset();
  std::signal(SIGABRT, handler_before);
  return result;
}

}  // namespace lepus::simulation
