#include "broker/connection/confirms.h"

#include <gtest/gtest.h>

namespace lepus::connection {
namespace {

using Answers = std::vector<Confirms::Answer>;

Answers take(Confirms& confirms) {
  Answers answers;
  static_cast<void>(confirms.take_answers(answers));
  return answers;
}

TEST(Confirms, APublishToNoQueueIsConfirmedAtOnce) {
  Confirms confirms;
  EXPECT_EQ(confirms.add(0), 1U);
  EXPECT_EQ(take(confirms), (Answers{{.number = 1}}));
}

TEST(Confirms, EveryQueueMustAnswer) {
  Confirms confirms;
  confirms.add(2);
  confirms.answered(1, false);
  EXPECT_EQ(take(confirms), Answers{});
  EXPECT_EQ(confirms.unconfirmed(), 1U);
  confirms.answered(1, false);
  EXPECT_EQ(take(confirms), (Answers{{.number = 1}}));
}

TEST(Confirms, OneRefusalAmongSeveralQueuesIsANack) {
  Confirms confirms;
  confirms.add(2);
  confirms.answered(1, true);
  confirms.answered(1, false);
  EXPECT_EQ(take(confirms), (Answers{{.number = 1, .multiple = true, .refused = true}}));
}

TEST(Confirms, RunsAreFoldedUpToTheSmallestUnconfirmed) {
  Confirms confirms;
  for (int count = 0; count < 6; ++count) {
    confirms.add(1);
  }
  for (const std::uint64_t number : {6, 2, 1, 3, 5}) {
    confirms.answered(number, false);
  }
  EXPECT_EQ(take(confirms),
            (Answers{{.number = 3, .multiple = true}, {.number = 5}, {.number = 6}}));
  confirms.answered(4, false);
  EXPECT_EQ(take(confirms), (Answers{{.number = 4}}));
}

TEST(Confirms, AcksAreNotFoldedOverANack) {
  Confirms confirms;
  for (int count = 0; count < 4; ++count) {
    confirms.add(1);
  }
  for (const std::uint64_t number : {1, 2, 4}) {
    confirms.answered(number, false);
  }
  confirms.answered(3, true);
  EXPECT_EQ(
      take(confirms),
      (Answers{{.number = 2, .multiple = true}, {.number = 4}, {.number = 3, .refused = true}}));
}

TEST(Confirms, UnknownNumbersAreIgnored) {
  Confirms confirms;
  confirms.add(1);
  confirms.answered(0, false);
  confirms.answered(2, false);
  EXPECT_EQ(take(confirms), Answers{});
  confirms.answered(1, false);
  confirms.answered(1, true);
  EXPECT_EQ(take(confirms), (Answers{{.number = 1}}));
}

TEST(Confirms, NumbersGoOnAfterMany) {
  Confirms confirms;
  for (std::uint64_t number = 1; number <= 10000; ++number) {
    EXPECT_EQ(confirms.add(1), number);
    if (number > 1) {
      confirms.answered(number, false);
    }
  }
  EXPECT_EQ(take(confirms).size(), 9999U);
  confirms.answered(1, false);
  EXPECT_EQ(take(confirms), (Answers{{.number = 1}}));
  EXPECT_EQ(confirms.add(0), 10001U);
}

}  // namespace
}  // namespace lepus::connection
