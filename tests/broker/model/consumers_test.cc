#include "broker/model/consumers.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

class ConsumersTest : public ::testing::Test {
 protected:
  explicit ConsumersTest(bool single_active = false) : consumers_(single_active) {}

  Consumer& add(std::uint64_t id, std::int32_t priority = 0, bool exclusive = false) {
    auto consumer = std::make_unique<Consumer>();
    consumer->specification.id = ConsumerId{id};
    consumer->specification.priority = priority;
    consumer->specification.exclusive = exclusive;
    return consumers_.add(std::move(consumer));
  }

  void remove(std::uint64_t id) { EXPECT_NE(consumers_.remove(ConsumerId{id}), nullptr); }

  /// The ids of those who get the next messages.
  std::string take(int count) {
    std::string ids;
    for (; count > 0; --count) {
      Consumer* consumer = consumers_.next();
      if (consumer == nullptr) {
        return ids + "-";
      }
      ids += std::to_string(static_cast<std::uint64_t>(consumer->specification.id));
      consumers_.took(*consumer);
    }
    return ids;
  }

  Consumers consumers_;
};

TEST_F(ConsumersTest, TakeTurnsInTheOrderOfArrival) {
  add(1);
  add(2);
  add(3);
  EXPECT_EQ(take(5), "12312");
  remove(2);
  EXPECT_EQ(take(4), "3131");
  add(4);
  EXPECT_EQ(take(3), "314");
}

TEST_F(ConsumersTest, ALowerPriorityWaitsUntilAllHigherOnesHaveEnough) {
  add(1, -1);
  Consumer& second = add(2, 5);
  Consumer& third = add(3, 5);
  EXPECT_EQ(take(3), "232");
  consumers_.make_unready(second);
  consumers_.make_unready(second);
  EXPECT_EQ(take(2), "33");
  consumers_.make_unready(third);
  EXPECT_EQ(take(2), "11");
  consumers_.make_ready(second);
  consumers_.make_ready(second);
  EXPECT_EQ(take(2), "22");
  remove(2);
  remove(3);
  EXPECT_EQ(take(1), "1");
  add(4, 5);
  EXPECT_EQ(take(1), "4");
}

TEST_F(ConsumersTest, NobodyTakesWhenNobodyIsThere) {
  EXPECT_EQ(take(1), "-");
  add(1);
  remove(1);
  EXPECT_EQ(take(1), "-");
  EXPECT_TRUE(consumers_.empty());
  EXPECT_EQ(consumers_.find(ConsumerId{1}), nullptr);
  EXPECT_EQ(consumers_.remove(ConsumerId{1}), nullptr);
}

TEST_F(ConsumersTest, KnowWhetherOneOfThemIsExclusive) {
  EXPECT_FALSE(consumers_.has_exclusive());
  add(1, 0, true);
  EXPECT_TRUE(consumers_.has_exclusive());
  remove(1);
  EXPECT_FALSE(consumers_.has_exclusive());
}

TEST_F(ConsumersTest, AreListedInTheOrderOfArrivalAndFoundByTheirIds) {
  add(1, 3);
  Consumer& second = add(2, 7);
  add(3, 3);
  remove(1);
  std::string ids;
  for (const auto& consumer : consumers_.all()) {
    ids += std::to_string(static_cast<std::uint64_t>(consumer->specification.id));
  }
  EXPECT_EQ(ids, "23");
  EXPECT_EQ(consumers_.find(ConsumerId{2}), &second);
}

class SingleActiveConsumersTest : public ConsumersTest {
 protected:
  SingleActiveConsumersTest() : ConsumersTest(true) {}
};

TEST_F(SingleActiveConsumersTest, TheNextIsTheOldestOfTheHighestPriority) {
  add(1);
  add(2);
  add(3, 9);
  add(4, 9);
  EXPECT_EQ(take(3), "111");
  remove(1);
  EXPECT_EQ(take(2), "33");
  remove(4);
  EXPECT_EQ(take(2), "33");
  remove(3);
  EXPECT_EQ(take(2), "22");
  remove(2);
  EXPECT_EQ(consumers_.single_active(), nullptr);
  add(5);
  EXPECT_EQ(take(1), "5");
}

TEST_F(SingleActiveConsumersTest, OnlyTheActiveOneBecomesReady) {
  Consumer& first = add(1);
  Consumer& second = add(2);
  consumers_.make_unready(first);
  consumers_.make_ready(second);
  EXPECT_EQ(take(1), "-");
}

}  // namespace
}  // namespace lepus::model
