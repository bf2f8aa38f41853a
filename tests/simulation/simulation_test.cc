#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

namespace lepus::simulation {
namespace {

constexpr std::size_t steps = 4000;

class SimulationTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(SimulationTest, KeepsItsPromises) {
  for (std::uint64_t seed = 1; seed <= 250; ++seed) {
    const WorldOptions options{.seed = seed, .shards = GetParam()};
    const RunResult result = run_simulation(options, steps);
    EXPECT_EQ(result.violation, "") << command_line(options, steps);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, SimulationTest, ::testing::Values(1, 2, 3));

TEST(SimulationTest, TheSameSeedMakesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const WorldOptions options{.seed = seed, .shards = 3};
    EXPECT_EQ(run_simulation(options, steps).fingerprint,
              run_simulation(options, steps).fingerprint);
  }
}

/// A checker that cannot fail proves nothing: each wrong is done in some runs, and one of them must
/// be flagged for it.
struct MutationCase {
  Mutation mutation;
  const char* flagged;
};

class CheckerTest : public ::testing::TestWithParam<MutationCase> {};

TEST_P(CheckerTest, NoticesWhatIsDoneWrong) {
  std::string all;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const RunResult result =
        run_simulation({.seed = seed, .shards = 2, .mutation = GetParam().mutation}, steps);
    if (result.violation.find(GetParam().flagged) != std::string::npos) {
      return;
    }
    all += result.violation + '\n';
  }
  FAIL() << "nothing was flagged as \"" << GetParam().flagged << "\", only:\n" << all;
}

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
                      MutationCase{Mutation::cancels_first, "has left behind"}));

}  // namespace
}  // namespace lepus::simulation
