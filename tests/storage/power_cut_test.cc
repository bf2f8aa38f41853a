// What a store holds after power cuts, kills, faults and clean stops at random moments.
//
// One seed again, with all that happens:
//   LEPUS_POWER_CUT_SEED=17 LEPUS_POWER_CUT_COUNT=1 storage_test --gtest_filter='PowerCut*Holds*'

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/storage/power_cut_run.h"

namespace lepus::storage {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// Under a sanitizer a run takes eight times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_count = 40;
#else
constexpr std::uint64_t usual_count = 150;
#endif

TEST(PowerCutTest, TheStoreHoldsWhatWasCommittedAndNothingElse) {
  const std::uint64_t first = number_from("LEPUS_POWER_CUT_SEED", 1);
  const std::uint64_t count = number_from("LEPUS_POWER_CUT_COUNT", usual_count);
  PowerCutResult all;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const PowerCutResult result = run_power_cuts({.seed = seed, .verbose = count == 1});
    EXPECT_EQ(result.violation, "") << "seed " << seed;
    all.starts += result.starts;
    all.power_cuts += result.power_cuts;
    all.commits += result.commits;
    all.unknown_commits += result.unknown_commits;
    all.rows_checked += result.rows_checked;
    all.pages_written += result.pages_written;
  }
  std::printf(
      "%llu starts, %llu power cuts, %llu commits (%llu unknown), %llu rows checked, "
      "%llu pages written\n",
      static_cast<unsigned long long>(all.starts), static_cast<unsigned long long>(all.power_cuts),
      static_cast<unsigned long long>(all.commits),
      static_cast<unsigned long long>(all.unknown_commits),
      static_cast<unsigned long long>(all.rows_checked),
      static_cast<unsigned long long>(all.pages_written));
}

TEST(PowerCutTest, TheSameSeedMakesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(run_power_cuts({.seed = seed}).fingerprint,
              run_power_cuts({.seed = seed}).fingerprint)
        << "seed " << seed;
  }
}

/// A checker that cannot fail proves nothing: each wrong is done in some runs, and one of them must
/// be flagged for it.
struct MutationCase {
  StoreMutation mutation;
  const char* flagged;
};

class PowerCutMutationTest : public ::testing::TestWithParam<MutationCase> {};

TEST_P(PowerCutMutationTest, IsNoticed) {
  std::string all;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const PowerCutResult result = run_power_cuts({.seed = seed, .mutation = GetParam().mutation});
    if (result.violation.find(GetParam().flagged) != std::string::npos) {
      return;
    }
    all += result.violation.empty() ? "" : result.violation + '\n';
  }
  FAIL() << "nothing was flagged as \"" << GetParam().flagged << "\", only:\n" << all;
}

INSTANTIATE_TEST_SUITE_P(
    Mutations, PowerCutMutationTest,
    ::testing::Values(MutationCase{StoreMutation::drops_before_sync, "is lost"},
                      MutationCase{StoreMutation::unknown_is_deleted, "is lost"},
                      MutationCase{StoreMutation::does_not_sync, "the last batches are"},
                      MutationCase{StoreMutation::skips_positions, "is lost"},
                      MutationCase{StoreMutation::splits_units, "the last batches are"},
                      MutationCase{StoreMutation::forgets_deleted, "nobody knows"},
                      MutationCase{StoreMutation::keeps_pages, "pages of priority"}));

}  // namespace
}  // namespace lepus::storage
