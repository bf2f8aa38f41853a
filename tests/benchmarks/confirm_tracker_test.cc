#include "tests/benchmarks/confirm_tracker.h"

#include <vector>

#include <gtest/gtest.h>

namespace lepus::benchmarks {

namespace {

TEST(ConfirmTrackerTest, settles_each_message_once_in_any_order) {
  ConfirmTracker tracker{4};
  for (int stamp = 1; stamp <= 4; ++stamp) {
    ASSERT_TRUE(tracker.can_send());
    tracker.sent(stamp * 10);
  }
  EXPECT_FALSE(tracker.can_send());
  std::vector<std::int64_t> stamps;
  const auto note = [&](std::int64_t stamp) { stamps.push_back(stamp); };
  EXPECT_EQ(tracker.settle(3, false, note), 1U);
  EXPECT_EQ(tracker.settle(3, false, note), 0U);
  EXPECT_EQ(tracker.settle(4, true, note), 3U);
  EXPECT_EQ(tracker.settle(4, true, note), 0U);
  EXPECT_EQ(tracker.settle(5, true, note), 0U);
  EXPECT_EQ(stamps, (std::vector<std::int64_t>{30, 10, 20, 40}));
  EXPECT_EQ(tracker.outstanding(), 0U);
}

TEST(ConfirmTrackerTest, never_overwrites_an_old_unconfirmed_message) {
  ConfirmTracker tracker{4};
  std::uint64_t tag = 0;
  std::int64_t oldest = 0;
  for (int round = 0; round < 100 && tracker.can_send(); ++round) {
    tracker.sent(++tag == 1 ? 7 : 0);
    if (tag > 1) {
      tracker.settle(tag, false, [](std::int64_t) {});
    }
  }
  EXPECT_FALSE(tracker.can_send());
  EXPECT_EQ(tracker.settle(1, false, [&](std::int64_t stamp) { oldest = stamp; }), 1U);
  EXPECT_EQ(oldest, 7);
  EXPECT_TRUE(tracker.can_send());
}

}  // namespace

}  // namespace lepus::benchmarks
