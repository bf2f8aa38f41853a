#include <gtest/gtest.h>

#include "broker/model/topology_log.h"
#include "tests/support/fake_store.h"

namespace lepus::model {
namespace {

class QueueIdsTest : public ::testing::Test {
 protected:
  QueueIdsTest() {
    auto batch = log_.new_batch();
    ids_.begin(100, *batch);
    log_.append(std::move(batch));
    ids_.begin_committed();
  }

  /// Takes so many ids and returns how many there were.
  std::uint64_t take(std::uint64_t count) {
    std::uint64_t taken = 0;
    while (taken < count) {
      const auto id = ids_.take();
      if (!id) {
        break;
      }
      EXPECT_GT(value_of(*id), last_);
      last_ = value_of(*id);
      ++taken;
    }
    return taken;
  }

  std::uint64_t reserved_below() { return store_.take_recovered().next_queue_id; }

  testing::FakeStore store_;
  TopologyLog log_{store_};
  QueueIds ids_{log_};
  std::uint64_t last_ = 99;
};

TEST_F(QueueIdsTest, BeginWhereTheyWereLeft) {
  EXPECT_EQ(ids_.take(), QueueId{100});
  EXPECT_EQ(ids_.take(), QueueId{101});
  EXPECT_EQ(reserved_below(), 1'000'100U);
}

TEST_F(QueueIdsTest, TheNextBlockIsReservedWhenHalfOfOneIsUsed) {
  EXPECT_EQ(take(499'000), 499'000U);
  EXPECT_EQ(store_.append_count(), 1U);
  EXPECT_EQ(take(2'000), 2'000U);
  EXPECT_EQ(store_.append_count(), 2U);
  EXPECT_EQ(reserved_below(), 2'000'100U);
}

TEST_F(QueueIdsTest, NoneIsGivenThatIsNotReserved) {
  store_.hold();
  EXPECT_EQ(take(3'000'000), 1'000'000U);
  EXPECT_EQ(store_.held_count(), 1U);
  store_.release();
  EXPECT_EQ(take(1'000), 1'000U);
  EXPECT_LT(last_, reserved_below());
}

TEST_F(QueueIdsTest, AReservationThatIsDoubtfulIsAskedForAgain) {
  EXPECT_EQ(take(500'000), 500'000U);
  store_.fail_next(storage::Outcome::unknown);
  EXPECT_EQ(take(1'000'000), 1'000'000U);
  EXPECT_LT(last_, reserved_below());
}

}  // namespace
}  // namespace lepus::model
