#include "storage/dead_rows.h"

#include <gtest/gtest.h>

namespace lepus::storage {

namespace {

constexpr QueueId queue{7};

DeadQueue dead_with_ranges() {
  return {.sub_queues = {{.priority = 2, .floor = 10, .settled = {{12, 14}, {20, 21}}}}};
}

TEST(DeadRows, BelowTheFloorEverythingIsDeadUpToTheFloor) {
  EXPECT_EQ(dead_until(dead_with_ranges(), {queue, 2, 0}), (MessageKey{queue, 2, 10}));
  EXPECT_EQ(dead_until(dead_with_ranges(), {queue, 2, 9}), (MessageKey{queue, 2, 10}));
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 2, 10}));
}

TEST(DeadRows, InASettledRangeEverythingIsDeadUpToItsEnd) {
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 2, 11}));
  EXPECT_EQ(dead_until(dead_with_ranges(), {queue, 2, 12}), (MessageKey{queue, 2, 14}));
  EXPECT_EQ(dead_until(dead_with_ranges(), {queue, 2, 13}), (MessageKey{queue, 2, 14}));
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 2, 14}));
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 2, 19}));
  EXPECT_EQ(dead_until(dead_with_ranges(), {queue, 2, 20}), (MessageKey{queue, 2, 21}));
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 2, 21}));
}

TEST(DeadRows, OtherPrioritiesAreAlive) {
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 1, 0}));
  EXPECT_FALSE(dead_until(dead_with_ranges(), {queue, 3, 0}));
}

TEST(DeadRows, OfADeletedQueueEverythingIsDeadUpToTheNextQueue) {
  EXPECT_EQ(dead_until(*deleted_queue(), {queue, 255, 99}), (MessageKey{QueueId{8}, 0, 0}));
}

TEST(DeadRows, NothingIsKnownBeforeDroppingBegins) {
  DeadRows dead_rows;
  dead_rows.publish(queue, deleted_queue());
  EXPECT_EQ(dead_rows.find(queue), nullptr);
  dead_rows.begin_dropping();
  EXPECT_NE(dead_rows.find(queue), nullptr);
}

TEST(DeadRows, UnknownQueueIsAlive) {
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  EXPECT_EQ(dead_rows.find(queue), nullptr);
}

TEST(DeadRows, DeletedQueueStaysDeleted) {
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  dead_rows.publish(queue, deleted_queue());
  dead_rows.publish(queue, std::make_shared<DeadQueue>(dead_with_ranges()));
  dead_rows.raise_floor(queue, 0, 5);
  EXPECT_TRUE(dead_rows.find(queue)->deleted);
  dead_rows.forget(queue);
  EXPECT_EQ(dead_rows.find(queue), nullptr);
}

TEST(DeadRows, RaisedFloorLeavesTheOtherSubQueuesAndNeverFalls) {
  DeadRows dead_rows;
  dead_rows.raise_floor(queue, 4, 100);
  dead_rows.raise_floor(queue, 1, 50);
  dead_rows.raise_floor(queue, 4, 90);
  dead_rows.begin_dropping();
  const auto dead = dead_rows.find(queue);
  ASSERT_NE(dead, nullptr);
  EXPECT_EQ(dead->find(1)->floor, 50u);
  EXPECT_EQ(dead->find(4)->floor, 100u);
  EXPECT_EQ(dead->find(2), nullptr);
}

TEST(DeadRows, ProgressWithNothingSettledPublishesNothing) {
  EXPECT_EQ(dead_part_of({{SubQueueProgress{.next_position = 5}}}), nullptr);
  const auto dead =
      dead_part_of({{SubQueueProgress{.next_position = 5},
                     SubQueueProgress{.priority = 3, .next_position = 5, .settled = {{2, 4}}}}});
  ASSERT_NE(dead, nullptr);
  EXPECT_EQ(dead->find(0), nullptr);
  EXPECT_EQ(dead->find(3)->settled, (std::vector<PositionRange>{{2, 4}}));
}

}  // namespace
}  // namespace lepus::storage
