#include "broker/model/delayed_messages.h"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

MessagePtr make_message(std::size_t body_bytes = 20) {
  auto message = Message::create("x", "key", {"\0\0", 2}, body_bytes, {});
  message->append_body(std::string(body_bytes, 'b'));
  return message;
}

/// Delayed messages with a store that is as simple as can be, and what they should be.
class Harness {
 public:
  explicit Harness(unsigned seed) : random_(seed), messages_(make()) {}

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
        now_ms_ += static_cast<std::int64_t>(random_() % 40);
        take_due();
        break;
      case 6:
        settle_some();
        break;
      case 7:
        seal();
        break;
      case 8:
        finish_commit();
        break;
      case 9:
        finish_read();
        break;
      case 10:
        messages_->shrink_to(window_bytes);
        break;
      case 11:
        if (random_() % 20 == 0) {
          restart();
        }
        break;
    }
    start_read();
    messages_->check_invariants();
    ASSERT_EQ(messages_->waiting_count(), waiting_.size());
    ASSERT_EQ(messages_->taken_count(), taken_.size());
  }

  /// Everything comes out, and nothing is left of it in the record.
  void drain() {
    now_ms_ += 1'000'000;
    for (int guard = 0; !waiting_.empty() && guard < 10'000; ++guard) {
      take_due();
      settle_all();
      seal();
      finish_commit();
      start_read();
      finish_read();
    }
    ASSERT_TRUE(waiting_.empty());
    settle_all();
    seal();
    finish_commit();
    messages_->check_invariants();
    ASSERT_EQ(messages_->memory_bytes(), 0U);
    const storage::SubQueueProgress progress = messages_->make_progress();
    ASSERT_EQ(progress.stored_count, 0U);
    ASSERT_EQ(progress.stored_bytes, 0U);
    ASSERT_TRUE(progress.settled.empty()) << "all was settled in order";
    ASSERT_LE(progress.floor, progress.next_position);
  }

  int restarts = 0;
  int reads_with_rows = 0;

 private:
  static constexpr std::size_t window_bytes = 1500;  // a few messages, so that most live on disk

  struct Pending {
    Position position = 0;
    MessagePtr message;
  };

  std::unique_ptr<DelayedMessages> make() {
    return std::make_unique<DelayedMessages>(Priority{0}, true, memory_,
                                             DelayedMessages::sequences_max);
  }

  void push() {
    const std::int64_t due_ms = now_ms_ + 1 + static_cast<std::int64_t>(random_() % 300);
    auto message = make_message(random_() % 200);
    const Position position = messages_->push(message, due_ms);
    ASSERT_TRUE(used_.insert(position).second) << "a position is never used again";
    ASSERT_GE(DelayedMessages::due_ms_of(position), due_ms);
    waiting_.emplace(position, message);
    pending_.push_back({position, message});
  }

  void take_due() {
    while (true) {
      const auto front = messages_->front();
      if (!front) {
        ASSERT_EQ(messages_->front_is_on_disk(), !waiting_.empty());
        return;
      }
      ASSERT_EQ(*front, waiting_.begin()->first) << "what is due first comes first";
      if (DelayedMessages::due_ms_of(*front) > now_ms_) {
        return;
      }
      ASSERT_EQ(messages_->take_front()->body(), waiting_.begin()->second->body());
      taken_.insert(*front);
      waiting_.erase(waiting_.begin());
    }
  }

  void settle_some() {
    for (auto each = taken_.begin(); each != taken_.end();) {
      if (random_() % 2 == 0) {
        messages_->settle(*each);
        each = taken_.erase(each);
      } else {
        ++each;
      }
    }
  }

  void settle_all() {
    for (const Position position : taken_) {
      messages_->settle(position);
    }
    taken_.clear();
  }

  void seal() {
    if (!unit_.empty() || unit_progress_) {
      return;
    }
    for (Pending& row : pending_) {
      if (messages_->is_settled(row.position)) {
        messages_->row_elided(row.position);
      } else {
        messages_->row_sealed(row.position, *row.message);
        unit_.push_back(std::move(row));
      }
    }
    pending_.clear();
    unit_progress_ = messages_->make_progress();
  }

  /// Now and then nobody knows how it ended; the store writes it before whatever follows.
  void finish_commit() {
    if (!unit_progress_) {
      return;
    }
    const bool is_known = random_() % 5 != 0;
    for (const Pending& row : unit_) {
      rows_.emplace(row.position, row.message);
      messages_->row_committed(row.position, is_known);
    }
    stored_progress_ = std::exchange(unit_progress_, std::nullopt);
    unit_.clear();
  }

  void start_read() {
    if (const auto wanted = messages_->wanted_read(window_bytes)) {
      ASSERT_FALSE(read_);
      read_generation_ = messages_->read_started();
      read_ = *wanted;
      if (random_() % 2 == 0) {
        read_rows_ = rows_;  // The store looks now or when it has time.
      }
    }
  }

  void finish_read() {
    if (!read_) {
      return;
    }
    const auto rows = read_rows_ ? *std::exchange(read_rows_, std::nullopt) : rows_;
    std::vector<StoredRow> found;
    Position covered_below = read_->end;
    for (auto row = rows.lower_bound(read_->begin); row != rows.end(); ++row) {
      if (found.size() == 4) {
        covered_below = found.back().position + 1;
        break;
      }
      found.push_back({row->first, false, row->second});
    }
    reads_with_rows += found.empty() ? 0 : 1;
    read_.reset();
    if (random_() % 10 == 0) {
      messages_->read_failed(read_generation_);
      return;
    }
    ASSERT_TRUE(messages_->rows_read(read_generation_, std::move(found), covered_below));
  }

  void restart() {
    if (!stored_progress_) {
      return;
    }
    ++restarts;
    read_.reset();
    read_rows_.reset();
    pending_.clear();
    unit_.clear();
    unit_progress_.reset();
    taken_.clear();
    messages_ = make();
    messages_->restore(*stored_progress_);
    waiting_.clear();
    used_.clear();  // What was never stored was never there.
    for (const auto& [position, message] : rows_) {
      used_.insert(position);
      if (!messages_->is_settled(position)) {
        waiting_.emplace(position, message);
      }
    }
    ASSERT_EQ(messages_->waiting_count(), waiting_.size());
  }

  QueueMemory memory_;
  std::mt19937 random_;
  std::unique_ptr<DelayedMessages> messages_;
  std::int64_t now_ms_ = 1'000'000;

  std::map<Position, MessagePtr> waiting_;
  std::set<Position> taken_;
  std::set<Position> used_;

  std::vector<Pending> pending_;
  std::vector<Pending> unit_;
  std::optional<storage::SubQueueProgress> unit_progress_;
  std::map<Position, MessagePtr> rows_;
  std::optional<storage::SubQueueProgress> stored_progress_;
  std::optional<storage::PositionRange> read_;
  std::optional<std::map<Position, MessagePtr>> read_rows_;
  std::uint64_t read_generation_ = 0;
};

TEST(DelayedMessages, DoWhatTheObviousModelDoes) {
  int restarts = 0;
  int reads = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(seed);
    for (int step = 0; step < 600 && !testing::Test::HasFatalFailure(); ++step) {
      harness.step();
    }
    if (!testing::Test::HasFatalFailure()) {
      harness.drain();
    }
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    restarts += harness.restarts;
    reads += harness.reads_with_rows;
  }
  EXPECT_GT(restarts, 200);
  EXPECT_GT(reads, 1000) << "the disk is used";
}

TEST(DelayedMessages, ThoseOfOneMillisecondComeInTheOrderTheyWerePublishedIn) {
  QueueMemory memory;
  DelayedMessages messages(Priority{0}, false, memory, DelayedMessages::sequences_max);
  const Position second = messages.push(make_message(), 2000);
  const Position first = messages.push(make_message(), 1000);
  const Position third = messages.push(make_message(), 2000);
  for (const Position expected : {first, second, third}) {
    ASSERT_EQ(messages.front(), expected);
    messages.take_front();
  }
}

TEST(DelayedMessages, WhatComesTooLateForItsTimeIsDueBehindWhatWasTaken) {
  QueueMemory memory;
  DelayedMessages messages(Priority{0}, false, memory, DelayedMessages::sequences_max);
  messages.push(make_message(), 5000);
  messages.take_front();
  EXPECT_EQ(DelayedMessages::due_ms_of(messages.push(make_message(), 1000)), 5001);
}

TEST(DelayedMessages, SequenceNumbersBeginAnewOnlyWhenNothingIsLeft) {
  QueueMemory memory;
  DelayedMessages messages(Priority{0}, false, memory, 2);
  const Position first = messages.push(make_message(), 1000);
  const Position second = messages.push(make_message(), 1000);
  EXPECT_TRUE(messages.is_full());
  const Position next_before = messages.make_progress().next_position;
  for (const Position position : {first, second}) {
    messages.take_front();
    messages.settle(position);
    EXPECT_FALSE(messages.is_empty()) << "its row is not decided";
    messages.row_elided(position);
  }
  ASSERT_TRUE(messages.is_empty());
  messages.restart_sequence();
  EXPECT_FALSE(messages.is_full());
  EXPECT_GE(messages.make_progress().next_position, next_before) << "it never falls";
  EXPECT_GT(messages.push(make_message(), 1000), second);
}

TEST(DelayedMessages, AFullOneIsFullAfterARestart) {
  QueueMemory memory;
  DelayedMessages messages(Priority{0}, true, memory, 1);
  messages.push(make_message(), 1000);
  DelayedMessages restored(Priority{0}, true, memory, DelayedMessages::sequences_max);
  restored.restore(messages.make_progress());
  EXPECT_TRUE(restored.is_full());
}

TEST(DelayedMessages, AReadThatMissesMessagesIsAFault) {
  QueueMemory memory;
  DelayedMessages messages(Priority{0}, true, memory, DelayedMessages::sequences_max);
  storage::SubQueueProgress progress;
  progress.next_position = Position{5000} << DelayedMessages::sequence_bits;
  progress.stored_count = 2;
  progress.stored_bytes = 40;
  messages.restore(progress);
  ASSERT_TRUE(messages.wanted_read(1000));
  const Position position = Position{1000} << DelayedMessages::sequence_bits;
  EXPECT_FALSE(messages.rows_read(messages.read_started(), {{position, false, make_message(20)}},
                                  UINT64_MAX));
  messages.check_invariants();
  EXPECT_EQ(messages.waiting_count(), 1U);
  EXPECT_EQ(messages.make_progress().stored_bytes, 20U);
}

}  // namespace
}  // namespace lepus::model
