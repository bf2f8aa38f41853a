#include "broker/model/sub_queue.h"

#include <map>
#include <random>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "storage/progress_pages.h"

namespace lepus::model {
namespace {

constexpr std::size_t window_bytes = 1500;  // a few messages, so that most live on disk

MessagePtr make_message(bool persistent, std::size_t body_bytes = 20) {
  Message::Traits traits;
  traits.persistent = persistent;
  auto message = Message::create("x", "key", {"\0\0", 2}, body_bytes, traits);
  message->append_body(std::string(body_bytes, 'b'));
  return message;
}

QueueMemory memory;

/// A sub-queue with a store that is as simple as can be, and what it should hold.
class Harness {
 public:
  explicit Harness(bool durable, unsigned seed) : durable_(durable), random_(seed) {
    if (seed % 2 == 0) {
      memory_.progress = {.items_max = 6, .page_positions = 8};
    }
    sub_queue_ = make_sub_queue();
  }

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        push();
        break;
      case 4:
      case 5:
      case 6:
        take();
        break;
      case 7:
        settle_some();
        break;
      case 8:
        give_back_some();
        break;
      case 9:
        seal_and_commit();
        break;
      case 10:
        finish_read();
        break;
      case 11:
        rare();
        break;
    }
    start_read();
    sub_queue_->check_invariants();
    ASSERT_EQ(sub_queue_->ready_count(), ready_.size());
    ASSERT_EQ(sub_queue_->unacked_count(), unacked_.size());
  }

  /// Everything that is ready comes out, in order.
  void drain() {
    settle_everything_unacked_ = true;
    for (int guard = 0; !ready_.empty() && guard < 100'000; ++guard) {
      take();
      seal_and_commit();
      start_read();
      finish_read();
    }
    ASSERT_TRUE(ready_.empty());
    ASSERT_EQ(sub_queue_->ready_count(), 0U);
    sub_queue_->check_invariants();
    settle_all();
    const storage::SubQueueProgress progress = sub_queue_->seal_progress();
    ASSERT_EQ(progress.page_count, 0U);
    ASSERT_EQ(progress.floor, progress.next_position)
        << "transient messages that a restart has lost do not hold up the floor";
    ASSERT_EQ(progress.stored_count, 0U);
    ASSERT_EQ(progress.stored_bytes, 0U);
    ASSERT_TRUE(progress.returned.empty());
  }

  std::size_t pages_max = 0;

 private:
  struct Row {
    bool durable = false;
    MessagePtr message;
  };

  [[nodiscard]] std::unique_ptr<SubQueue> make_sub_queue() {
    return std::make_unique<SubQueue>(
        Priority{0}, durable_ ? Durability::persistent : Durability::none, memory_);
  }

  void push() {
    const bool persistent = random_() % 3 != 0;
    auto message = make_message(persistent, random_() % 200);
    const auto pushed = sub_queue_->push(message, window_bytes);
    ASSERT_TRUE(used_.insert(pushed.position).second) << "a position is never used again";
    ready_.emplace(pushed.position, message);
    if (pushed.needs_row) {
      pending_.emplace(pushed.position, message);
    } else {
      ASSERT_FALSE(durable_ && persistent) << "a durable message needs a row";
    }
  }

  void take() {
    const ReadyMessage* front = sub_queue_->front();
    if (front == nullptr) {
      ASSERT_EQ(sub_queue_->front_is_on_disk(), !ready_.empty());
      return;
    }
    const ReadyMessage taken = sub_queue_->take_front();
    ASSERT_FALSE(ready_.empty());
    ASSERT_EQ(taken.position, ready_.begin()->first) << "messages leave in order";
    ASSERT_EQ(taken.delivery_count, counts_[taken.position]);
    ASSERT_EQ(taken.redelivered,
              returned_.contains(taken.position) || taken.position < restarted_below_);
    ready_.erase(ready_.begin());
    if (settle_everything_unacked_ || random_() % 3 == 0) {
      sub_queue_->settle(taken.position, *taken.message);
    } else {
      sub_queue_->mark_unacked(taken, ConsumerId{1});
      unacked_.emplace(taken.position, taken.message);
    }
  }

  std::map<Position, MessagePtr>::iterator any_unacked() {
    return std::next(unacked_.begin(), static_cast<std::ptrdiff_t>(random_() % unacked_.size()));
  }

  void settle_some() {
    while (!unacked_.empty() && random_() % 4 != 0) {
      const auto chosen = any_unacked();
      sub_queue_->settle_unacked(chosen->first);
      unacked_.erase(chosen);
    }
  }

  void settle_all() {
    for (const auto& [position, message] : unacked_) {
      sub_queue_->settle_unacked(position);
    }
    unacked_.clear();
  }

  void give_back_some() {
    while (!unacked_.empty() && random_() % 2 != 0) {
      const auto chosen = any_unacked();
      sub_queue_->give_back(chosen->first);
      returned_.insert(chosen->first);
      ++counts_[chosen->first];
      ready_.insert(*chosen);
      unacked_.erase(chosen);
    }
  }

  void seal_and_commit() {
    Position below = 0;
    for (const auto& [position, message] : pending_) {
      if (sub_queue_->is_settled(position)) {
        continue;
      }
      sub_queue_->row_sealed(*message);
      stored_[position] = {durable_ && message->is_persistent(), message};
      below = position + 1;
    }
    pending_.clear();
    sub_queue_->sealed();
    progress_ = sub_queue_->seal_progress();
    storage::replace_pages(pages_, std::exchange(progress_.pages, {}));
    progress_.pages = pages_;
    ASSERT_EQ(storage::page_fault({{progress_}}), std::nullopt);
    ASSERT_LE(progress_.settled.size() + progress_.returned.size(), memory_.progress.items_max);
    sealed_counts_ = counts_;
    pages_max = std::max(pages_max, pages_.size());
    sub_queue_->committed(below);
  }

  void start_read() {
    if (read_) {
      return;
    }
    if (auto wanted = sub_queue_->wanted_read(window_bytes)) {
      read_ = {*wanted, sub_queue_->read_started()};
    }
  }

  void finish_read() {
    if (!read_) {
      return;
    }
    const auto [range, generation] = *read_;
    read_.reset();
    std::vector<StoredRow> rows;
    Position covered = range.end;
    for (auto row = stored_.lower_bound(range.begin);
         row != stored_.end() && row->first < range.end; ++row) {
      if (rows.size() == 3) {
        covered = row->first;
        break;
      }
      rows.push_back({row->first, !row->second.durable, row->second.message});
    }
    ASSERT_TRUE(sub_queue_->rows_read(generation, std::move(rows), covered))
        << "what is ready was stored";
  }

  void rare() {
    if (random_() % 10 == 0) {
      ASSERT_EQ(sub_queue_->purge(), ready_.size());
      ready_.clear();
      read_.reset();
    } else if (random_() % 10 == 0) {
      restart();
    } else {
      sub_queue_->page_out();
    }
  }

  /// The store comes back as of the last commit.
  void restart() {
    const bool clean = random_() % 2 == 0;
    std::map<Position, MessagePtr> expected;
    const auto whole = storage::without_pages({{progress_}}).sub_queues[0];
    const PositionSet settled(whole.floor, whole.settled);
    for (const auto& [position, row] : stored_) {
      if (row.durable && position < progress_.next_position && !settled.contains(position)) {
        expected.emplace(position, row.message);
      }
    }
    std::erase_if(stored_, [](const auto& entry) { return !entry.second.durable; });
    if (random_() % 4 == 0) {
      memory_.progress.page_positions = random_() % 2 == 0 ? 4 : 8;  // of another version
    }
    sub_queue_ = make_sub_queue();
    counts_ = sealed_counts_;
    if (!durable_) {
      counts_.clear();
      pages_.clear();
      progress_ = {};
      expected.clear();
      used_.clear();
      stored_.clear();
      restarted_below_ = 0;
    } else {
      sub_queue_->restore(progress_, clean);
      // Positions above the record were never covered by it, so they come again.
      std::erase_if(used_, [&](Position position) { return position >= progress_.next_position; });
      restarted_below_ = progress_.delivered_below;
    }
    ready_ = std::move(expected);
    unacked_.clear();
    pending_.clear();
    returned_.clear();
    read_.reset();
  }

  const bool durable_;
  std::mt19937 random_;
  QueueMemory memory_;
  std::unique_ptr<SubQueue> sub_queue_;
  storage::SubQueueProgress progress_;
  std::map<Position, MessagePtr> ready_;
  std::map<Position, MessagePtr> unacked_;
  std::set<Position> returned_;
  std::map<Position, std::uint32_t> counts_;
  std::map<Position, std::uint32_t> sealed_counts_;
  std::vector<storage::ProgressPage> pages_;  // in the store
  std::set<Position> used_;
  std::map<Position, MessagePtr> pending_;
  std::map<Position, Row> stored_;
  std::optional<std::pair<storage::PositionRange, std::uint64_t>> read_;
  Position restarted_below_ = 0;
  bool settle_everything_unacked_ = false;
};

class SubQueueByChance : public testing::TestWithParam<bool> {};

TEST_P(SubQueueByChance, HoldsExactlyWhatWasPushedAndNotSettledInOrderAcrossRestarts) {
  std::size_t pages_max = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Harness harness(GetParam(), seed);
    for (int step = 0; step < 400 && !testing::Test::HasFatalFailure(); ++step) {
      harness.step();
    }
    if (!testing::Test::HasFatalFailure()) {
      harness.drain();
    }
    if (testing::Test::HasFatalFailure()) {
      return;
    }
    pages_max = std::max(pages_max, harness.pages_max);
  }
  EXPECT_GE(pages_max, 3U) << "some runs have large sets";
}

INSTANTIATE_TEST_SUITE_P(DurableOrNot, SubQueueByChance, testing::Bool());

TEST(SubQueue, KeepsItsHeadInMemoryAndTheRestOnDisk) {
  SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
  std::size_t bytes_max = 0;
  for (int i = 0; i < 1000; ++i) {
    auto message = make_message(true, 100);
    const auto pushed = sub_queue.push(message, window_bytes);
    sub_queue.row_sealed(*message);
    sub_queue.sealed();
    sub_queue.committed(pushed.position + 1);
    bytes_max = std::max(bytes_max, sub_queue.memory_bytes());
  }
  EXPECT_EQ(sub_queue.ready_count(), 1000U);
  EXPECT_LT(bytes_max, 2 * window_bytes);
}

TEST(SubQueue, AHeadThatIsOnDiskAsAWholeCanBeLetGoOf) {
  SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
  for (int i = 0; i < 2; ++i) {
    auto message = make_message(true);
    sub_queue.push(message, 1U << 20U);
    sub_queue.row_sealed(*message);
  }
  sub_queue.sealed();
  sub_queue.page_out();
  EXPECT_NE(sub_queue.front(), nullptr) << "it is not committed";
  sub_queue.committed(2);
  sub_queue.page_out();
  EXPECT_EQ(sub_queue.memory_bytes(), 0U);
  EXPECT_EQ(sub_queue.ready_count(), 2U);
  EXPECT_EQ(sub_queue.wanted_read(window_bytes), (storage::PositionRange{0, 2}));
}

TEST(SubQueue, GivenBackMessagesComeFirstAndInTheirOldOrder) {
  SubQueue sub_queue(Priority{0}, Durability::none, memory);
  for (int i = 0; i < 4; ++i) {
    sub_queue.push(make_message(false), window_bytes);
  }
  for (int i = 0; i < 3; ++i) {
    sub_queue.mark_unacked(sub_queue.take_front(), ConsumerId{1});
  }
  sub_queue.give_back(2);
  sub_queue.give_back(0);
  std::vector<Position> order;
  while (sub_queue.front() != nullptr) {
    order.push_back(sub_queue.take_front().position);
  }
  EXPECT_EQ(order, (std::vector<Position>{0, 2, 3}));
}

TEST(SubQueue, AnAckedMessageInFrontOfAnUnackedOneIsOneRangeInTheRecord) {
  SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
  for (int i = 0; i < 1000; ++i) {
    auto message = make_message(true);
    sub_queue.push(message, 1U << 20U);
    sub_queue.row_sealed(*message);
    sub_queue.sealed();
    sub_queue.mark_unacked(sub_queue.take_front(), ConsumerId{1});
    if (i > 0) {
      sub_queue.settle_unacked(static_cast<Position>(i));
    }
  }
  const auto progress = sub_queue.seal_progress();
  EXPECT_EQ(progress.floor, 0U);
  EXPECT_EQ(progress.settled, (std::vector<storage::PositionRange>{{1, 1000}}));
  EXPECT_EQ(progress.stored_count, 1U);
}

TEST(SubQueue, AfterAnUncleanStopEverythingAConsumerMayHaveSeenIsRedelivered) {
  storage::SubQueueProgress progress;
  progress.next_position = 2;
  progress.stored_count = 2;
  progress.had_consumer = true;
  for (const bool clean_stop : {true, false}) {
    SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
    sub_queue.restore(progress, clean_stop);
    ASSERT_TRUE(sub_queue.wanted_read(window_bytes));
    sub_queue.rows_read(sub_queue.read_started(),
                        {{0, false, make_message(true)}, {1, false, make_message(true)}}, 2);
    EXPECT_EQ(sub_queue.front()->redelivered, !clean_stop);
  }
}

TEST(SubQueue, WhatAnUncleanStopMadeRedeliveredIsSoAfterACleanOneToo) {
  storage::SubQueueProgress progress;
  progress.next_position = 2;
  progress.stored_count = 2;
  progress.had_consumer = true;
  SubQueue after_crash(Priority{0}, Durability::persistent, memory);
  EXPECT_TRUE(after_crash.restore(progress, false));
  SubQueue after_stop(Priority{0}, Durability::persistent, memory);
  EXPECT_FALSE(after_stop.restore(after_crash.seal_progress(), true));
  after_stop.rows_read(after_stop.read_started(), {{0, false, make_message(true)}}, 1);
  EXPECT_TRUE(after_stop.front()->redelivered);
}

TEST(SubQueue, ARowThatIsMissingIsAReadFaultAndDoesNotHoldUpTheRest) {
  storage::SubQueueProgress progress;
  progress.next_position = 3;
  progress.stored_count = 3;
  SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
  sub_queue.restore(progress, true);
  EXPECT_FALSE(sub_queue.rows_read(sub_queue.read_started(), {{2, false, make_message(true)}}, 3));
  EXPECT_EQ(sub_queue.ready_count(), 1U);
  EXPECT_EQ(sub_queue.take_front().position, 2U);
}

TEST(SubQueue, AChunkFromBeforeAPurgeIsThrownAway) {
  storage::SubQueueProgress progress;
  progress.next_position = 1;
  progress.stored_count = 1;
  SubQueue sub_queue(Priority{0}, Durability::persistent, memory);
  sub_queue.restore(progress, true);
  const auto generation = sub_queue.read_started();
  EXPECT_EQ(sub_queue.purge(), 1U);
  EXPECT_TRUE(sub_queue.rows_read(generation, {{0, false, make_message(true)}}, 1));
  EXPECT_EQ(sub_queue.front(), nullptr);
  EXPECT_EQ(sub_queue.ready_count(), 0U);
}

}  // namespace
}  // namespace lepus::model
