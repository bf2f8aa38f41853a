#include "broker/model/position_set.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

using Ranges = std::vector<storage::PositionRange>;

TEST(PositionSet, SettlingInOrderOnlyMovesTheFloor) {
  PositionSet set;
  for (Position position = 0; position < 1000; ++position) {
    set.add(position);
  }
  EXPECT_EQ(set.floor(), 1000U);
  EXPECT_EQ(set.range_count(), 0U);
}

TEST(PositionSet, TheFloorTakesInTheRangeThatItReaches) {
  PositionSet set;
  set.add_range({1, 5});
  set.add(6);
  EXPECT_EQ(set.floor(), 0U);
  set.add(0);
  EXPECT_EQ(set.floor(), 5U);
  EXPECT_EQ(set.ranges(), (Ranges{{6, 7}}));
}

TEST(PositionSet, OneUnsettledPositionBeforeManySettledOnesIsOneRange) {
  PositionSet set;
  for (Position position = 1; position < 100'000; ++position) {
    set.add(position);
  }
  EXPECT_EQ(set.floor(), 0U);
  EXPECT_EQ(set.ranges(), (Ranges{{1, 100'000}}));
}

TEST(PositionSet, IsTheSetOfWhatWasAddedInAnyOrder) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    PositionSet set;
    std::set<Position> expected;
    for (int step = 0; step < 60; ++step) {
      const Position begin = random() % 100;
      const Position end = begin + 1 + random() % (step % 3 == 0 ? 20 : 1);
      if (end == begin + 1) {
        set.add(begin);
      } else {
        set.add_range({begin, end});
      }
      for (Position position = begin; position < end; ++position) {
        expected.insert(position);
      }
    }
    for (Position position = 0; position < 130; ++position) {
      EXPECT_EQ(set.contains(position), expected.contains(position)) << position;
    }
    Position last_end = set.floor();
    EXPECT_FALSE(expected.contains(set.floor()));
    for (const auto& range : set.ranges()) {
      EXPECT_GT(range.begin, last_end) << "ranges neither touch nor overlap";
      last_end = range.end;
    }
    const PositionSet copy(set.floor(), set.ranges());
    EXPECT_EQ(copy.ranges(), set.ranges());
  }
}

}  // namespace
}  // namespace lepus::model
