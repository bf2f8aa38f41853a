#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

namespace lepus::simulation {
namespace {

constexpr std::size_t steps = 4000;

// One thread is simulated: of it ThreadSanitizer sees what it sees in a few runs, each of which
// takes it fifty times as long.
#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t seeds = 12;
#else
constexpr std::uint64_t seeds = 200;
#endif

// Under a sanitizer a start of the real store takes many times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t real_store_seeds = 5;
#else
constexpr std::uint64_t real_store_seeds = 20;
#endif

/// What must happen often enough to be worth something.
struct Totals {
  std::uint64_t crashes = 0;
  std::uint64_t interrupted_starts = 0;
  std::uint64_t store_faults = 0;
  std::uint64_t read_faults = 0;

  void add(const RunResult& result) {
    crashes += result.crashes;
    interrupted_starts += result.interrupted_starts;
    store_faults += result.store_faults;
    read_faults += result.read_faults;
  }
};

class SimulationTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(SimulationTest, KeepsItsPromises) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const WorldOptions options{.seed = seed, .shards = GetParam()};
    const RunResult result = run_simulation(options, steps);
    EXPECT_EQ(result.violation, "") << command_line(options, steps);
    totals.add(result);
  }
  EXPECT_GT(totals.crashes, seeds + seeds / 4);
  EXPECT_GT(totals.interrupted_starts, seeds / 8);
  EXPECT_GT(totals.store_faults, seeds / 4);
  EXPECT_GT(totals.read_faults, seeds / 4);
}

INSTANTIATE_TEST_SUITE_P(Shards, SimulationTest, ::testing::Values(1, 2, 3));

/// Fewer, since each start opens a RocksDB; a crash is a power cut here.
TEST(SimulationTest, KeepsItsPromisesOverTheRealStore) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= real_store_seeds; ++seed) {
    const WorldOptions options{.seed = seed, .shards = 0, .store = StoreKind::rocksdb};
    const RunResult result = run_simulation(options, steps);
    EXPECT_EQ(result.violation, "") << command_line(options, steps);
    totals.add(result);
  }
  EXPECT_GT(totals.crashes, real_store_seeds) << "starts are what this is for";
  EXPECT_GT(totals.interrupted_starts, 0U);
  EXPECT_GT(totals.store_faults, 0U);
  EXPECT_GT(totals.read_faults, 0U);
}

TEST(SimulationTest, TheSameSeedMakesTheSameRun) {
  for (const StoreKind store : {StoreKind::memory, StoreKind::rocksdb}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const WorldOptions options{.seed = seed, .shards = 3, .store = store};
      EXPECT_EQ(run_simulation(options, steps).fingerprint,
                run_simulation(options, steps).fingerprint)
          << command_line(options, steps);
    }
  }
}

/// A checker that cannot fail proves nothing: each wrong is done in some runs, and one of them must
/// be flagged for it.
struct MutationCase {
  Mutation mutation;
  const char* flagged;
  StoreKind store = StoreKind::memory;
};

class CheckerTest : public ::testing::TestWithParam<MutationCase> {};

TEST_P(CheckerTest, NoticesWhatIsDoneWrong) {
  std::string all;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const RunResult result = run_simulation(
        {.seed = seed, .shards = 2, .mutation = GetParam().mutation, .store = GetParam().store},
        steps);
    if (result.violation.find(GetParam().flagged) != std::string::npos) {
      return;
    }
    all += result.violation + '\n';
  }
  FAIL() << "nothing was flagged as \"" << GetParam().flagged << "\", only:\n" << all;
}

// These show what the checker is worth, which needs no sanitizer; ThreadSanitizer takes minutes.
#if defined(__SANITIZE_THREAD__)
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CheckerTest);
#else
INSTANTIATE_TEST_SUITE_P(
    Mutations, CheckerTest,
    ::testing::Values(MutationCase{Mutation::store_forgets_rows, "was confirmed and is lost"},
                      MutationCase{Mutation::store_forgets_progress, "came back after a restart"},
                      MutationCase{Mutation::store_answers_early, "was confirmed and is lost"},
                      MutationCase{Mutation::swaps_publishes, "came after message"},
                      MutationCase{Mutation::loses_settles, "unacked messages although"},
                      MutationCase{Mutation::clears_redelivered, "is not flagged as redelivered"},
                      MutationCase{Mutation::requeues_held, "still has it"},
                      MutationCase{Mutation::raises_prefetch, "its prefetch is"},
                      MutationCase{Mutation::cancels_first, "has left behind"},
                      MutationCase{Mutation::store_splits_units, "a part of a transaction"},
                      MutationCase{Mutation::store_splits_units, "is in two places"},
                      MutationCase{Mutation::acks_rejects, "died on its way"},
                      MutationCase{Mutation::store_hides_faults,
                                   "that should be stored are missing"},
                      MutationCase{Mutation::commits_rollbacks, "was rolled back"}));
#endif

// A sanitizer has nothing to say to these.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
INSTANTIATE_TEST_SUITE_P(
    MutationsOverTheRealStore, CheckerTest,
    ::testing::Values(MutationCase{Mutation::store_forgets_rows, "was confirmed and is lost",
                                   StoreKind::rocksdb},
                      MutationCase{Mutation::store_forgets_progress, "came back after a restart",
                                   StoreKind::rocksdb},
                      MutationCase{Mutation::store_answers_early, "was confirmed and is lost",
                                   StoreKind::rocksdb},
                      MutationCase{Mutation::store_does_not_sync, "came back after a restart",
                                   StoreKind::rocksdb}));
#endif

}  // namespace
}  // namespace lepus::simulation
