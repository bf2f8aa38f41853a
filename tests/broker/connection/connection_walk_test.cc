#include "broker/connection/connection_walk.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

namespace lepus::connection {
namespace {

using testing::BrokerInTest;
using testing::TestClient;

class ConnectionWalkTest : public ::testing::Test {
 protected:
  ConnectionWalkTest() {
    for (std::size_t i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<TestClient>(broker_));
      clients_.back()->open();
      clients_.back()->publish(1, {.routing_key = "q"}, "a");
    }
    broker_.run();
  }

  static constexpr std::size_t count = 7;
  BrokerInTest broker_;
  std::vector<std::unique_ptr<TestClient>> clients_;
};

TEST_F(ConnectionWalkTest, EveryConnectionIsSeenOnceHoweverSmallTheSteps) {
  ConnectionWalk walk{broker_.connections()};
  std::vector<model::ConnectionRow> rows;
  std::size_t steps = 1;
  while (walk.append_rows(rows, 2)) {
    EXPECT_EQ(rows.size(), 2 * steps);
    ++steps;
  }
  EXPECT_EQ(steps, 4U);
  ASSERT_EQ(rows.size(), count);
  std::ranges::sort(rows, {}, &model::ConnectionRow::id);
  EXPECT_EQ(std::ranges::adjacent_find(rows, {}, &model::ConnectionRow::id), rows.end());
}

TEST_F(ConnectionWalkTest, ThoseThatGoBetweenTheStepsAreLeftOut) {
  ConnectionWalk walk{broker_.connections()};
  std::vector<model::ChannelRow> rows;
  EXPECT_TRUE(walk.append_rows(rows, 3));
  clients_.clear();
  EXPECT_FALSE(walk.append_rows(rows, 100));
  EXPECT_EQ(rows.size(), 3U);
}

TEST_F(ConnectionWalkTest, CountersOfAllChannelsAreAddedUp) {
  ConnectionWalk walk{broker_.connections()};
  model::MessageCounters total;
  while (walk.add_counters(total, 3)) {
  }
  EXPECT_EQ(total.publish, count);
  EXPECT_EQ(broker_.connections().closed_counters().publish, 0U);
}

}  // namespace
}  // namespace lepus::connection
