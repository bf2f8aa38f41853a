#include "tests/scenarios/scenario.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/scenarios/steps.h"

// One test for each scenario file below this folder and each number of shards.

namespace lepus::scenarios {
namespace {

/// How many shards, and which one the first client comes to: with two, each queue is once on the
/// client's shard and once on the other.
struct Placement {
  std::string name;
  std::uint32_t shards = 1;
  std::uint32_t first_shard = 0;
};

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ScenarioTest : public ::testing::Test {
 public:
  ScenarioTest(std::filesystem::path path, Placement placement)
      : path_(std::move(path)), placement_(std::move(placement)) {}

  void TestBody() override {
    const Scenario scenario = parse_scenario(read_text(path_));
    ASSERT_EQ(scenario.error, "") << path_;
    EXPECT_EQ(scenario.name, path_.stem()) << "a scenario is called as its file";
    StepRunner runner(placement_.shards, placement_.first_shard);
    for (const Step& step : scenario.steps) {
      if (const std::string error = runner.run(step); !error.empty()) {
        ADD_FAILURE_AT(path_.c_str(), step.line) << step.text << '\n' << error;
        return;
      }
    }
    EXPECT_EQ(runner.leftover(), "") << path_;
  }

 private:
  std::filesystem::path path_;
  Placement placement_;
};

void register_scenarios(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".scenario") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  const Placement placements[] = {
      {"1_shard", 1, 0}, {"2_shards", 2, 0}, {"2_shards_swapped", 2, 1}};
  for (const std::filesystem::path& path : paths) {
    for (const Placement& placement : placements) {
      const std::string suite = path.parent_path().filename().string() + "_scenario";
      const std::string name = path.stem().string() + '/' + placement.name;
      ::testing::RegisterTest(
          suite.c_str(), name.c_str(), nullptr, nullptr, path.c_str(), 1,
          [path, placement]() -> ScenarioTest* { return new ScenarioTest(path, placement); });
    }
  }
}

TEST(ScenarioParserTest, RefusesWhatIsNoStep) {
  const std::string header = "# name: a\n# description: b\n";
  EXPECT_EQ(parse_scenario(header + "restart").error, "");
  EXPECT_EQ(parse_scenario("restart").error,
            "a scenario has '# name: ', '# description: ' and steps");
  EXPECT_EQ(parse_scenario(header + "a: tx.select -> nothing else").error,
            "line 3: more than a step is in the line");
  EXPECT_EQ(parse_scenario(header + "a: basic.get queue").error, "line 3: 'queue' has no value");
  EXPECT_EQ(parse_scenario(header + "a: basic.get queue='x").error,
            "line 3: a quote is not closed");
  EXPECT_EQ(parse_scenario(header + "advance soon").error, "line 3: advance NUMBER ms, or s");
  EXPECT_EQ(parse_scenario(header + "policy p -> gone").error,
            "line 3: what fails is 'refused \"text\"'");
  EXPECT_EQ(parse_scenario(header + "a: frame payload='\\x4'").error,
            "line 3: \\x wants two digits");
}

TEST(ScenarioStepsTest, AWrongAnswerFailsTheStep) {
  const auto failure_of = [](const std::string& steps) {
    StepRunner runner(1, 0);
    std::string error;
    for (const Step& step :
         parse_scenario("# name: a\n# description: b\nclient a\n" + steps).steps) {
      error = runner.run(step);
    }
    return error;
  };
  const std::string declare = "a: queue.declare queue=q -> ";
  EXPECT_EQ(failure_of(declare + "queue.declare-ok queue=q message-count=0"), "");
  EXPECT_NE(failure_of(declare + "queue.declare-ok message-count=1"), "");
  EXPECT_NE(failure_of(declare + "queue.declare-ok message=0"), "");
  EXPECT_NE(failure_of(declare + "nothing"), "");
  EXPECT_NE(failure_of("a: basic.get queue=$q"), "");
  EXPECT_NE(failure_of("a: queue.declare que=q"), "");
  EXPECT_NE(failure_of("b: queue.declare queue=q"), "");
  EXPECT_NE(failure_of("a: expect basic.deliver"), "");
  EXPECT_EQ(failure_of("a: expect open"), "");
  EXPECT_NE(failure_of("a: expect end"), "");
  EXPECT_NE(failure_of("a: expect heartbeat"), "");
  EXPECT_NE(failure_of("a: frame kind=3"), "");
  EXPECT_NE(failure_of("client b vhost=none"), "");
  EXPECT_NE(failure_of("client b color=red"), "");
  EXPECT_NE(failure_of("client b -> connection.close"), "");
}

TEST(ScenarioStepsTest, WhatAnAdministratorMayNotDoFailsTheStep) {
  const auto failure_of = [](const std::string& text) {
    StepRunner runner(1, 0);
    return runner.run(parse_scenario("# name: a\n# description: b\n" + text).steps.at(0));
  };
  EXPECT_EQ(failure_of("policy p definition={max-length: 1}"), "");
  EXPECT_NE(failure_of("policy p definition={max-length: -1}"), "");
  EXPECT_NE(failure_of("policy p definition={max-length: 1} -> refused \"no\""), "");
  EXPECT_NE(failure_of("policy p color=red definition={max-length: 1}"), "");
  EXPECT_NE(failure_of("permissions nobody read=.*"), "");
  EXPECT_NE(failure_of("user ann color=red"), "");
  EXPECT_NE(failure_of("user ann max-channels=many"), "");
  EXPECT_NE(failure_of("no vhost v"), "");
}

}  // namespace
}  // namespace lepus::scenarios

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  lepus::scenarios::register_scenarios(LEPUS_SCENARIO_FOLDER);
  return RUN_ALL_TESTS();
}
