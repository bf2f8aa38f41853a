#include "storage/dead_rows.h"

#include <gtest/gtest.h>

namespace lepus::storage {

namespace {

constexpr QueueId queue{7};

DeadQueue dead_with_ranges() {
  return {.sub_queues = {{.priority = 2, .floor = 10, .settled = {{12, 14}, {20, 21}}}}};
}

QueueProgress progress_without_pages(Position floor) {
  return {{SubQueueProgress{
      .priority = 2, .next_position = 1000, .floor = floor, .settled = {{6, 7}}}}};
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

QueueProgress paged_progress(Position floor, std::uint64_t page_count,
                             std::vector<ProgressPage> pages) {
  return {{SubQueueProgress{.priority = 2,
                            .next_position = 1000,
                            .floor = floor,
                            .page_count = page_count,
                            .pages = std::move(pages)}}};
}

std::vector<Position> alive_positions(const DeadRows& dead_rows, Position end) {
  const auto dead = dead_rows.find(queue);
  std::vector<Position> alive;
  for (Position position = 0; position < end;) {
    const auto until = dead_until(*dead, {queue, 2, position});
    if (until) {
      EXPECT_GT(until->position, position);
      position = until->position;
    } else {
      alive.push_back(position++);
    }
  }
  return alive;
}

TEST(DeadRows, PagesThatAreNotNamedStay) {
  using Positions = std::vector<Position>;
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  dead_rows.publish(queue,
                    dead_part_of(paged_progress(2, 3,
                                                {{.begin = 0, .settled = {{3, 5}, {6, 7}}},
                                                 {.begin = 8, .settled = {{10, 20}}},
                                                 {.begin = 16, .returned = {{{21, 22}, 1}}}})));
  EXPECT_EQ(alive_positions(dead_rows, 24), (Positions{2, 5, 7, 8, 9, 20, 21, 22, 23}));
  // Several before anybody looks.
  dead_rows.publish(queue,
                    dead_part_of(paged_progress(2, 3, {{.begin = 16, .settled = {{22, 23}}}})));
  dead_rows.publish(queue, dead_part_of(paged_progress(
                               5, 2, {{.begin = 0, .settled = {{6, 20}}}, {.begin = 8}})));
  EXPECT_EQ(alive_positions(dead_rows, 24), (Positions{5, 20, 21, 23}));
  QueueProgress small = progress_without_pages(5);
  dead_rows.publish(queue, dead_part_of(small));
  EXPECT_EQ(alive_positions(dead_rows, 8), (Positions{5, 7})) << "the record alone counts";
  dead_rows.publish(queue, deleted_queue());
  dead_rows.publish(queue, dead_part_of(paged_progress(2, 1, {{.begin = 0, .settled = {{3, 5}}}})));
  EXPECT_TRUE(dead_rows.find(queue)->deleted);
}

TEST(DeadRows, AnyNumberOfChangesOfPagesMayComeBeforeALook) {
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  for (Position page = 0; page < 1000; ++page) {
    dead_rows.publish(
        queue,
        dead_part_of(paged_progress(
            0, page + 1, {{.begin = 10 * page, .settled = {{10 * page + 1, 10 * page + 10}}}})));
  }
  EXPECT_EQ(alive_positions(dead_rows, 10'000).size(), 1000u);
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
