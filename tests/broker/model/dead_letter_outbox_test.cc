#include "broker/model/dead_letter_outbox.h"

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

using State = DeadLetterOutbox::State;

class DeadLetterOutboxTest : public ::testing::Test {
 protected:
  void add(std::uint64_t queue, Position position) {
    auto record = std::make_shared<QueueRecord>();
    record->id = QueueId{queue};
    outbox_.add({.from = std::move(record), .place = {0, position}});
  }

  /// The position of the letter that is due, or -1.
  std::int64_t next(std::int64_t now_ms) {
    const auto serial = outbox_.next(now_ms);
    last_ = serial.value_or(last_);
    return serial ? static_cast<std::int64_t>(outbox_.letter(*serial).place.position) : -1;
  }

  DeadLetterOutbox outbox_{2, 1000};
  DeadLetterOutbox::Serial last_ = 0;
};

TEST_F(DeadLetterOutboxTest, ALetterThatAllTargetsTookIsDone) {
  add(1, 7);
  EXPECT_EQ(next(5), 7);
  EXPECT_EQ(next(5), -1) << "it is being tried";
  EXPECT_EQ(outbox_.attempted(last_, false, 5), State::done);
  outbox_.forget(last_);
  EXPECT_TRUE(outbox_.empty());
}

TEST_F(DeadLetterOutboxTest, ALetterWithoutARouteIsTriedAgainLater) {
  add(1, 7);
  EXPECT_EQ(next(5), 7);
  EXPECT_EQ(outbox_.attempted(last_, true, 5), State::retried);
  EXPECT_EQ(next(1004), -1);
  EXPECT_EQ(next(1005), 7);
  EXPECT_EQ(outbox_.attempted(last_, false, 1005), State::done) << "each attempt stands for itself";
  outbox_.forget(last_);
  EXPECT_TRUE(outbox_.empty());
}

TEST_F(DeadLetterOutboxTest, ALetterWaitsForTheAnswersOfAllTargets) {
  add(1, 7);
  EXPECT_EQ(next(0), 7);
  const auto letter = last_;
  const auto first = outbox_.awaits(letter, QueueId{2});
  const auto second = outbox_.awaits(letter, QueueId{3});
  EXPECT_EQ(outbox_.attempted(letter, false, 0), State::awaited);
  EXPECT_EQ(outbox_.answered(second, true, 10).state, State::awaited);
  EXPECT_EQ(outbox_.answered(first, false, 20).state, State::retried);
  EXPECT_TRUE(outbox_.letter(letter).has_reached(QueueId{2}));
  EXPECT_FALSE(outbox_.letter(letter).has_reached(QueueId{3}));
  EXPECT_EQ(next(1020), 7);
  const auto again = outbox_.awaits(letter, QueueId{3});
  EXPECT_EQ(outbox_.attempted(letter, false, 1020), State::awaited);
  const auto answered = outbox_.answered(again, false, 1030);
  EXPECT_EQ(answered.serial, letter);
  EXPECT_EQ(answered.state, State::done);
}

TEST_F(DeadLetterOutboxTest, AQueueHasOnlySoManyInFlightAndTheOthersWaitInOrder) {
  for (Position position = 1; position <= 4; ++position) {
    add(1, position);
  }
  add(2, 9);
  EXPECT_EQ(next(0), 1);
  const auto first = last_;
  EXPECT_EQ(next(0), 2);
  EXPECT_EQ(outbox_.attempted(last_, true, 0), State::retried);
  EXPECT_EQ(next(0), 9) << "another queue has a line of its own";
  EXPECT_EQ(next(0), -1);
  EXPECT_EQ(outbox_.attempted(first, false, 0), State::done);
  outbox_.forget(first);
  EXPECT_EQ(next(0), 3);
  EXPECT_EQ(next(0), -1);
  EXPECT_EQ(next(1000), 2);
}

TEST(DeadLetterSender, IsNoClientsConnection) {
  EXPECT_TRUE(is_dead_letter_sender(dead_letter_sender(0)));
  EXPECT_TRUE(is_dead_letter_sender(dead_letter_sender(63)));
  EXPECT_EQ(shard_of(dead_letter_sender(63)), 63U);
  EXPECT_FALSE(is_dead_letter_sender(ConnectionId::none));
  EXPECT_FALSE(is_dead_letter_sender(make_connection_id(3, 12345)));
}

}  // namespace
}  // namespace lepus::model
