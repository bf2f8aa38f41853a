#include "broker/connection/unacked.h"

#include <iterator>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace lepus::connection {
namespace {

std::vector<std::uint64_t> tags_of(const std::vector<UnackedDelivery>& deliveries) {
  std::vector<std::uint64_t> tags;
  tags.reserve(deliveries.size());
  for (const UnackedDelivery& delivery : deliveries) {
    tags.push_back(delivery.tag);
  }
  return tags;
}

using Tags = std::vector<std::uint64_t>;

class UnackedTest : public ::testing::Test {
 protected:
  void add(std::initializer_list<std::uint64_t> tags) {
    for (const std::uint64_t tag : tags) {
      unacked_.add(tag, source_, {0, tag}, 0);
    }
  }

  DeliverySource source_;
  Unacked unacked_;
};

TEST_F(UnackedTest, ATagIsTakenOnce) {
  add({1, 2, 3});
  UnackedDelivery taken;
  EXPECT_TRUE(unacked_.take(2, taken));
  EXPECT_EQ(taken.position, 2U);
  EXPECT_FALSE(unacked_.take(2, taken));
  EXPECT_FALSE(unacked_.take(4, taken));
  EXPECT_FALSE(unacked_.take(0, taken));
  EXPECT_EQ(unacked_.size(), 2U);
}

TEST_F(UnackedTest, MultipleTakesAllUpToATagThatIsThere) {
  add({1, 2, 5, 9});
  std::vector<UnackedDelivery> taken;
  EXPECT_FALSE(unacked_.take_up_to(4, taken));
  EXPECT_TRUE(taken.empty());
  EXPECT_TRUE(unacked_.take_up_to(5, taken));
  EXPECT_EQ(tags_of(taken), (Tags{1, 2, 5}));
  EXPECT_TRUE(unacked_.contains(9));
}

TEST_F(UnackedTest, ARollbackPutsTagsBackInTheirPlaces) {
  add({1, 2, 3, 4});
  std::vector<UnackedDelivery> taken(1);
  unacked_.take(2, taken[0]);
  unacked_.put_back(taken);
  std::vector<UnackedDelivery> all;
  unacked_.take_all(all);
  EXPECT_EQ(tags_of(all), (Tags{1, 2, 3, 4}));
}

TEST_F(UnackedTest, TheOldestDeliveryIsDueFirst) {
  source_.ack_timeout_ms = 100;
  EXPECT_EQ(unacked_.first_due(100), nullptr);
  unacked_.add(1, source_, {0, 1}, 1000);
  unacked_.add(2, source_, {0, 2}, 1010);
  unacked_.add(3, source_, {0, 3}, 1020);
  EXPECT_EQ(unacked_.first_due(100)->tag, 1U);
  EXPECT_EQ(unacked_.first_due(100)->due_ms(), 1100);
  UnackedDelivery taken;
  ASSERT_TRUE(unacked_.take(1, taken));
  EXPECT_EQ(unacked_.first_due(100)->tag, 2U);
  unacked_.put_back({taken});
  EXPECT_EQ(unacked_.first_due(100)->due_ms(), 1100) << "its time goes on in a transaction";
}

TEST_F(UnackedTest, AYoungerDeliveryOfAShorterTimeoutIsDueFirst) {
  DeliverySource patient{.ack_timeout_ms = no_ack_timeout_ms};
  source_.ack_timeout_ms = 50;
  unacked_.add(1, patient, {0, 1}, 1000);
  unacked_.add(2, patient, {0, 2}, 2000);
  unacked_.add(3, source_, {0, 3}, 3000);
  unacked_.add(4, source_, {0, 4}, 3001);
  EXPECT_EQ(unacked_.first_due(50)->tag, 3U);
  UnackedDelivery taken;
  ASSERT_TRUE(unacked_.take(3, taken));
  EXPECT_EQ(unacked_.first_due(50)->tag, 4U) << "behind a hole";
}

TEST_F(UnackedTest, BehavesLikeAMapUnderRandomUse) {
  std::mt19937 random{7};
  std::map<std::uint64_t, bool> expected;
  std::uint64_t last_tag = 0;
  for (int step = 0; step < 20000; ++step) {
    const auto choice = random() % 10;
    if (choice < 5) {
      last_tag += 1 + random() % 2;
      add({last_tag});
      expected[last_tag] = true;
    } else if (choice < 9 && last_tag > 0) {
      const std::uint64_t tag = last_tag - random() % std::min<std::uint64_t>(last_tag, 600);
      UnackedDelivery taken;
      ASSERT_EQ(unacked_.take(tag, taken), expected.erase(tag) == 1);
    } else if (step % 97 == 0 && !expected.empty()) {
      const std::uint64_t tag = std::next(expected.begin(), std::ssize(expected) / 3)->first;
      std::vector<UnackedDelivery> taken;
      ASSERT_TRUE(unacked_.take_up_to(tag, taken));
      Tags wanted;
      while (!expected.empty() && expected.begin()->first <= tag) {
        wanted.push_back(expected.begin()->first);
        expected.erase(expected.begin());
      }
      ASSERT_EQ(tags_of(taken), wanted);
    }
    ASSERT_EQ(unacked_.size(), expected.size());
    ASSERT_TRUE(expected.empty() || unacked_.contains(expected.begin()->first));
  }
}

}  // namespace
}  // namespace lepus::connection
