#include "broker/model/progress_pages.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "broker/model/sub_queue.h"
#include "storage/progress_pages.h"
#include "storage/record_format.h"

namespace lepus::model {
namespace {

/// Key and framing of a record in a batch.
constexpr std::size_t framing_bytes = 4;

/// What a record takes in a batch, its pages included.
std::size_t written_bytes(const storage::SubQueueProgress& progress) {
  std::size_t bytes =
      framing_bytes + sizeof(storage::NumberBytes) + storage::encode_progress({{progress}}).size();
  for (const storage::ProgressPage& page : progress.pages) {
    bytes += framing_bytes + storage::message_key_bytes +
             (page.empty() ? 0 : storage::encode_progress_page(page).size());
  }
  return bytes;
}

/// A sub-queue all of whose messages are unacked.
class Outstanding {
 public:
  explicit Outstanding(std::size_t count, ProgressLimits limits = {}) {
    memory_.progress = limits;
    Message::Traits traits;
    traits.persistent = true;
    const MessagePtr message = Message::create("", "q", {"\0\0", 2}, 0, traits);
    for (std::size_t i = 0; i < count; ++i) {
      sub_queue.push(message, std::numeric_limits<std::size_t>::max());
      sub_queue.row_sealed(*message);
      sub_queue.mark_unacked(sub_queue.take_front(), ConsumerId{1});
    }
    sub_queue.sealed();
  }

 private:
  QueueMemory memory_;

 public:
  SubQueue sub_queue{Priority{0}, Durability::persistent, memory_};
};

std::vector<Position> shuffled(std::size_t count) {
  std::vector<Position> positions(count);
  std::iota(positions.begin(), positions.end(), Position{0});
  std::shuffle(positions.begin(), positions.end(), std::mt19937(1));
  return positions;
}

TEST(ProgressPages, SmallSetsAreInTheRecordAlone) {
  Outstanding outstanding(2 * limits::progress_items_max);
  for (Position position = 1; position < 2 * limits::progress_items_max; position += 2) {
    outstanding.sub_queue.settle_unacked(position);
  }
  const auto progress = outstanding.sub_queue.seal_progress();
  EXPECT_EQ(progress.settled.size(), limits::progress_items_max);
  EXPECT_EQ(progress.page_count, 0U);
  EXPECT_TRUE(progress.pages.empty());
}

TEST(ProgressPages, OnlyAChangedPageIsWrittenAgain) {
  Outstanding outstanding(1000, {.items_max = 10, .page_positions = 100});
  for (Position position = 1; position < 1000; position += 10) {
    outstanding.sub_queue.settle_unacked(position);
  }
  const auto first = outstanding.sub_queue.seal_progress();
  EXPECT_EQ(first.page_count, 10U);
  EXPECT_EQ(first.pages.size(), 10U);
  outstanding.sub_queue.settle_unacked(555);
  const auto second = outstanding.sub_queue.seal_progress();
  EXPECT_EQ(second.page_count, 10U);
  ASSERT_EQ(second.pages.size(), 1U);
  EXPECT_EQ(second.pages[0].begin, 500U);
  EXPECT_EQ(second.pages[0].settled.size(), 11U);
  EXPECT_TRUE(outstanding.sub_queue.seal_progress().pages.empty()) << "nothing has changed";
}

TEST(ProgressPages, APageWhoseRangesAreTakenInByAnotherIsErased) {
  Outstanding outstanding(1000, {.items_max = 2, .page_positions = 100});
  for (const Position position : {10, 20, 30, 150}) {
    outstanding.sub_queue.settle_unacked(position);
  }
  EXPECT_EQ(outstanding.sub_queue.seal_progress().page_count, 2U);
  for (Position position = 31; position < 150; ++position) {
    outstanding.sub_queue.settle_unacked(position);
  }
  const auto progress = outstanding.sub_queue.seal_progress();
  EXPECT_EQ(progress.page_count, 1U);
  ASSERT_EQ(progress.pages.size(), 2U);
  EXPECT_EQ(progress.pages[0].settled.back(), (storage::PositionRange{30, 151}));
  EXPECT_EQ(progress.pages[1], (storage::ProgressPage{.begin = 100})) << "erased";
}

TEST(ProgressPages, SmallAgainTheSetsGoBackIntoTheRecord) {
  Outstanding outstanding(100, {.items_max = 8, .page_positions = 10});
  for (Position position = 1; position < 100; position += 2) {
    outstanding.sub_queue.settle_unacked(position);
  }
  EXPECT_EQ(outstanding.sub_queue.seal_progress().page_count, 10U);
  for (Position position = 0; position < 96; position += 2) {
    outstanding.sub_queue.settle_unacked(position);
  }
  const auto progress = outstanding.sub_queue.seal_progress();
  EXPECT_EQ(progress.page_count, 0U);
  EXPECT_EQ(progress.floor, 96U);
  EXPECT_EQ(progress.settled.size(), 2U);
  EXPECT_EQ(progress.pages.size(), 10U);
  EXPECT_TRUE(std::ranges::all_of(progress.pages, &storage::ProgressPage::empty));
  EXPECT_TRUE(outstanding.sub_queue.seal_progress().pages.empty()) << "they are erased once";
}

TEST(ProgressPages, WhatAnOldRecordsPagesSayWasGivenAwayIsNotGivenAwayAgain) {
  storage::SubQueueProgress old{.next_position = 5, .page_count = 1};
  old.pages = {{.begin = 8, .settled = {{8, 9}}}};
  EXPECT_EQ(storage::page_fault({{old}}), "pages of priority 0 reach beyond 5");
  EXPECT_EQ(storage::without_pages({{old}}).sub_queues[0].next_position, 9U);
}

TEST(ChangedPages, HoldEachPageOnceUntilTheyAreTaken) {
  ChangedPages changed{10};
  for (const Position position : {25, 7, 20, 29, 0}) {
    changed.note(position);
  }
  EXPECT_EQ(changed.take(), (std::set<Position>{0, 20}));
  EXPECT_TRUE(changed.take().empty());
}

TEST(ProgressPages, GivenBackMessagesAreInPagesToo) {
  Outstanding outstanding(1000, {.items_max = 10, .page_positions = 100});
  for (Position position = 50; position < 250; ++position) {
    outstanding.sub_queue.give_back(position);
  }
  const auto progress = outstanding.sub_queue.seal_progress();
  ASSERT_EQ(progress.pages.size(), 3U);
  EXPECT_EQ(progress.pages[1].returned, (std::vector<storage::ReturnedRange>{{{100, 200}, 1}}));
  EXPECT_EQ(storage::without_pages({{progress}}).sub_queues[0].returned,
            (std::vector<storage::ReturnedRange>{{{50, 250}, 1}}));
}

TEST(ProgressPages, AfterARestartOnlyChangedPagesAreWritten) {
  const ProgressLimits limits{.items_max = 10, .page_positions = 100};
  Outstanding before(1000, limits);
  for (Position position = 1; position < 1000; position += 10) {
    before.sub_queue.settle_unacked(position);
  }
  const auto stored = before.sub_queue.seal_progress();
  for (const std::uint64_t page_positions : {100, 50, 300}) {
    QueueMemory memory;
    memory.progress = {.items_max = 10, .page_positions = page_positions};
    SubQueue after(Priority{0}, Durability::persistent, memory);
    after.restore(stored, true);
    auto pages = stored.pages;
    auto progress = after.seal_progress();
    EXPECT_EQ(progress.pages.empty(), page_positions == 100) << "all anew, if of another size";
    storage::replace_pages(pages, std::exchange(progress.pages, {}));
    progress.pages = pages;
    EXPECT_EQ(storage::page_fault({{progress}}), std::nullopt);
    EXPECT_EQ(storage::without_pages({{progress}}).sub_queues[0].settled,
              storage::without_pages({{stored}}).sub_queues[0].settled);
  }
}

// With a million messages, and what it was without pages:
//   LEPUS_PROGRESS_MESSAGES=1000000 model_test --gtest_filter='*AckedAtRandom*'
TEST(ProgressPages, ACommitWritesLittleHoweverManyMessagesAreAckedAtRandom) {
  const char* text = std::getenv("LEPUS_PROGRESS_MESSAGES");
  const std::size_t count = text == nullptr ? 20'000 : std::strtoull(text, nullptr, 10);
  Outstanding paged(count);
  Outstanding whole(count, {.items_max = std::numeric_limits<std::size_t>::max()});
  const std::vector<Position> order = shuffled(count);
  std::size_t commits = 0;
  std::size_t paged_bytes = 0;
  std::size_t paged_max_bytes = 0;
  std::size_t conversions = 0;
  std::size_t whole_commits = 0;
  std::size_t whole_bytes = 0;
  std::size_t whole_max_bytes = 0;
  for (const Position position : order) {
    paged.sub_queue.settle_unacked(position);
    whole.sub_queue.settle_unacked(position);
    const auto progress = paged.sub_queue.seal_progress();
    const std::size_t bytes = written_bytes(progress);
    paged_bytes += bytes;
    if (progress.pages.size() > 3) {
      ++conversions;  // All sets go into pages, or back into the record.
    } else {
      paged_max_bytes = std::max(paged_max_bytes, bytes);
    }
    if (commits++ % (count / 200) == 0) {
      const std::size_t bytes_without_pages = written_bytes(whole.sub_queue.seal_progress());
      ++whole_commits;
      whole_bytes += bytes_without_pages;
      whole_max_bytes = std::max(whole_max_bytes, bytes_without_pages);
    }
  }
  std::printf("%zu messages: %zu bytes a commit (at most %zu), without pages %zu (at most %zu)\n",
              count, paged_bytes / commits, paged_max_bytes, whole_bytes / whole_commits,
              whole_max_bytes);
  EXPECT_LE(paged_max_bytes, 2048U);
  EXPECT_LE(paged_bytes / commits, 512U);
  EXPECT_LE(conversions, 4U);
  EXPECT_GT(whole_max_bytes, 4096U);
}

}  // namespace
}  // namespace lepus::model
