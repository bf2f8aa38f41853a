// What storage/store.h promises, asked of every kind of store.

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/open_store.h"
#include "tests/storage/store_driver.h"
#include "tests/storage/temporary_directory.h"

namespace lepus::storage {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr QueueId queue_1{1};
constexpr QueueId queue_2{2};
constexpr Position open_end = ~Position{0};

class MemoryOpener final : public StoreOpener {
 public:
  std::unique_ptr<Store> open() override {
    backend_->reopen();
    return make_memory_store(backend_);
  }

 private:
  std::shared_ptr<MemoryBackend> backend_ = std::make_shared<MemoryBackend>();
};

class RocksdbOpener final : public StoreOpener {
 public:
  std::unique_ptr<Store> open() override {
    auto store = open_rocksdb_store(directory_.path() / "data", {});
    EXPECT_TRUE(store) << store.error().text;
    return std::move(*store);
  }

 private:
  TemporaryDirectory directory_;
};

struct StoreKind {
  std::string name;
  std::unique_ptr<StoreOpener> (*make_opener)();
};

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreDriver driver_{GetParam().make_opener()};

  void put_rows(QueueId queue, Position begin, Position end) {
    driver_.commit([&](Batch& batch) {
      for (Position position = begin; position < end; ++position) {
        put(batch, {queue, 0, position}, std::to_string(position));
      }
    });
  }
};

TEST_P(StoreContract, FreshStoreHasNothingAndGivesIdsFromOne) {
  EXPECT_EQ(driver_.recovered().next_queue_id, 1u);
  EXPECT_THAT(driver_.recovered().last_numbers, IsEmpty());
  EXPECT_THAT(driver_.recovered().topology, IsEmpty());
  EXPECT_THAT(driver_.recovered().progress, IsEmpty());
  EXPECT_FALSE(driver_.recovered().clean_stop);
}

TEST_P(StoreContract, CommittedRowsAreReadInOrderOfPosition) {
  const Outcome outcome = driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 300}, "c");
    put(batch, {queue_1, 0, 2}, "a");
    put(batch, {queue_1, 0, 255}, "b");
  });
  EXPECT_EQ(outcome, Outcome::committed);
  EXPECT_THAT(driver_.rows(queue_1), ElementsAre(SeenRow{2, false, "a"}, SeenRow{255, false, "b"},
                                                 SeenRow{300, false, "c"}));
}

TEST_P(StoreContract, PayloadIsTheJoinedParts) {
  driver_.commit([](Batch& batch) {
    const std::array<std::string_view, 4> parts{"head", "", std::string_view("\0er", 3), "body"};
    batch.put_message({queue_1, 0, 1}, parts);
    batch.put_transient_message({queue_1, 0, 2}, parts);
    batch.put_message({queue_1, 0, 3}, {});
  });
  const std::string joined("head\0erbody", 11);
  EXPECT_THAT(driver_.rows(queue_1), ElementsAre(SeenRow{1, false, joined},
                                                 SeenRow{2, true, joined}, SeenRow{3, false, ""}));
}

TEST_P(StoreContract, ASharedBodyIsReadWithEachOfItsOwnersAfterARestartToo) {
  const MessageKey owners[] = {{QueueId{1}, 0, 0}, {QueueId{2}, 3, 7}};
  driver_.commit([&](Batch& batch) {
    constexpr std::string_view payload[] = {"names", " "};
    batch.put_body(owners, "body");
    for (const MessageKey& owner : owners) {
      batch.put_message_with_body(owner, payload, owners[0], "body");
    }
  });
  for (int run = 0; run < 2; ++run) {
    EXPECT_THAT(driver_.rows(QueueId{1}), ElementsAre(SeenRow{0, false, "names body"}));
    EXPECT_THAT(driver_.rows(QueueId{2}, 3), ElementsAre(SeenRow{7, false, "names body"}));
    driver_.crash_and_reopen();
  }
}

TEST_P(StoreContract, SubQueuesAndQueuesAreApart) {
  driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 1}, "low");
    put(batch, {queue_1, 255, 1}, "high");
    put(batch, {queue_2, 0, 1}, "other");
  });
  EXPECT_THAT(driver_.rows(queue_1, 0), ElementsAre(SeenRow{1, false, "low"}));
  EXPECT_THAT(driver_.rows(queue_1, 255), ElementsAre(SeenRow{1, false, "high"}));
  EXPECT_THAT(driver_.rows(queue_1, 1), IsEmpty());
  EXPECT_THAT(driver_.rows(queue_2, 0), ElementsAre(SeenRow{1, false, "other"}));
}

TEST_P(StoreContract, ReadCoversTheWholeRangeWhenNoLimitStopsIt) {
  put_rows(queue_1, 10, 20);
  auto [rows, outcome] = driver_.read({queue_1, 0, {12, 15}, 100, 1000});
  EXPECT_THAT(rows, ElementsAre(SeenRow{12, false, "12"}, SeenRow{13, false, "13"},
                                SeenRow{14, false, "14"}));
  EXPECT_FALSE(outcome.failed);
  EXPECT_EQ(outcome.covered_below, 15u);
  EXPECT_EQ(driver_.read({queue_1, 0, {19, open_end}, 100, 1000}).second.covered_below, open_end);
  EXPECT_EQ(driver_.read({queue_2, 0, {5, 50}, 100, 1000}).second.covered_below, 50u);
}

TEST_P(StoreContract, ReadStopsAtTheRowLimit) {
  put_rows(queue_1, 10, 20);
  auto [rows, outcome] = driver_.read({queue_1, 0, {0, open_end}, 3, 1000});
  EXPECT_EQ(rows.size(), 3u);
  EXPECT_EQ(outcome.covered_below, 13u);
}

TEST_P(StoreContract, ReadStopsWhenTheBytesArePassedOnAndPassesAtLeastOneRow) {
  put_rows(queue_1, 10, 20);  // two bytes each
  auto [rows, outcome] = driver_.read({queue_1, 0, {0, open_end}, 100, 5});
  EXPECT_EQ(rows.size(), 3u);
  EXPECT_EQ(outcome.covered_below, 13u);
  auto [one_row, one_outcome] = driver_.read({queue_1, 0, {0, open_end}, 100, 1});
  EXPECT_THAT(one_row, ElementsAre(SeenRow{10, false, "10"}));
  EXPECT_EQ(one_outcome.covered_below, 11u);
}

TEST_P(StoreContract, EmptyRangeReadsNothing) {
  put_rows(queue_1, 10, 20);
  auto [rows, outcome] = driver_.read({queue_1, 0, {12, 12}, 100, 1000});
  EXPECT_THAT(rows, IsEmpty());
  EXPECT_EQ(outcome.covered_below, 12u);
}

TEST_P(StoreContract, TransientRowsAreMergedByPosition) {
  driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 1}, "a");
    put_transient(batch, {queue_1, 0, 2}, "b");
    put_transient(batch, {queue_1, 0, 3}, "c");
    put(batch, {queue_1, 0, 4}, "d");
    put_transient(batch, {queue_1, 0, 5}, "e");
  });
  EXPECT_THAT(driver_.rows(queue_1),
              ElementsAre(SeenRow{1, false, "a"}, SeenRow{2, true, "b"}, SeenRow{3, true, "c"},
                          SeenRow{4, false, "d"}, SeenRow{5, true, "e"}));
  auto [rows, outcome] = driver_.read({queue_1, 0, {2, open_end}, 3, 1000});
  EXPECT_THAT(rows,
              ElementsAre(SeenRow{2, true, "b"}, SeenRow{3, true, "c"}, SeenRow{4, false, "d"}));
  EXPECT_EQ(outcome.covered_below, 5u);
}

TEST_P(StoreContract, TransientRowsAreForgottenAtTheNextStart) {
  driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 1}, "durable");
    put_transient(batch, {queue_1, 0, 2}, "transient");
  });
  driver_.close_and_reopen();
  EXPECT_THAT(driver_.rows(queue_1), ElementsAre(SeenRow{1, false, "durable"}));
}

TEST_P(StoreContract, OnlyTransientRowsNeedNoSync) {
  auto batch = driver_.store().new_batch();
  EXPECT_FALSE(batch->needs_sync());
  put_transient(*batch, {queue_1, 0, 1}, "transient");
  EXPECT_FALSE(batch->needs_sync());
  EXPECT_GT(batch->size_bytes(), 9u);
  put(*batch, {queue_1, 0, 2}, "durable");
  EXPECT_TRUE(batch->needs_sync());
  const std::array<std::function<void(Batch&)>, 5> durable_changes{
      [](Batch& other) { other.put_progress(queue_1, progress_with_floor(1, 2)); },
      [](Batch& other) { other.delete_queue(queue_1); },
      [](Batch& other) { other.put_topology("key", "value"); },
      [](Batch& other) { other.erase_topology("key"); },
      [](Batch& other) { other.reserve_queue_ids_below(100); }};
  for (const auto& change : durable_changes) {
    auto other = driver_.store().new_batch();
    change(*other);
    EXPECT_TRUE(other->needs_sync());
  }
}

TEST_P(StoreContract, EverythingCommittedIsThereAfterACrash) {
  driver_.commit(7, [](Batch& batch) {
    put(batch, {queue_1, 3, 9}, "message");
    batch.put_progress(queue_1, progress_with_floor(4, 10));
  });
  driver_.commit(topology_log, [](Batch& batch) {
    batch.put_topology("vhost/a", "1");
    batch.put_topology("queue/b", std::string_view("\0\xff", 2));
    batch.reserve_queue_ids_below(513);
  });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.rows(queue_1, 3), ElementsAre(SeenRow{9, false, "message"}));
  EXPECT_THAT(driver_.recovered().progress, ElementsAre(Pair(queue_1, progress_with_floor(4, 10))));
  EXPECT_THAT(driver_.recovered().topology,
              ElementsAre(Pair("queue/b", std::string("\0\xff", 2)), Pair("vhost/a", "1")));
  EXPECT_THAT(driver_.recovered().last_numbers, ElementsAre(Pair(7, 1), Pair(topology_log, 1)));
  EXPECT_EQ(driver_.recovered().next_queue_id, 513u);
  EXPECT_FALSE(driver_.recovered().clean_stop);
}

TEST_P(StoreContract, NewerRecordsReplaceOlderOnes) {
  driver_.commit([](Batch& batch) {
    batch.put_progress(queue_1, progress_with_floor(1, 2));
    batch.put_topology("changed", "old");
    batch.put_topology("erased", "old");
  });
  driver_.commit([](Batch& batch) {
    batch.put_progress(queue_1, progress_with_floor(3, 9));
    batch.put_progress(queue_1, progress_with_floor(5, 9));
    batch.put_topology("changed", "new");
    batch.erase_topology("erased");
  });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress, ElementsAre(Pair(queue_1, progress_with_floor(5, 9))));
  EXPECT_THAT(driver_.recovered().topology, ElementsAre(Pair("changed", "new")));
}

TEST_P(StoreContract, ProgressIsRecoveredByIdWithAllItsFields) {
  SubQueueProgress low{.priority = 0,
                       .next_position = 100,
                       .floor = 10,
                       .settled = {{12, 14}, {20, 90}},
                       .delivered_below = 95,
                       .returned = {{{10, 11}, 1}, {{11, 12}, 3}},
                       .stored_count = 28,
                       .stored_bytes = 5'000'000'000,
                       .had_consumer = true};
  SubQueueProgress high{.priority = 9, .next_position = 3};
  const QueueProgress progress{{low, high}};
  driver_.commit([&](Batch& batch) {
    batch.put_progress(QueueId{256}, progress_with_floor(1, 1));
    batch.put_progress(queue_2, progress);
  });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress,
              ElementsAre(Pair(queue_2, progress), Pair(QueueId{256}, progress_with_floor(1, 1))));
}

/// A record of the sub-queue 3 with these pages changed.
QueueProgress paged_progress(Position floor, std::uint64_t page_count,
                             std::vector<ProgressPage> pages) {
  return {{SubQueueProgress{.priority = 3,
                            .next_position = 1000,
                            .floor = floor,
                            .page_count = page_count,
                            .pages = std::move(pages)}}};
}

const ProgressPage page_0{.begin = 0, .settled = {{5, 6}, {9, 110}}};
const ProgressPage page_100{.begin = 100, .settled = {{120, 121}}, .returned = {{{111, 115}, 2}}};
const ProgressPage page_200{.begin = 200, .returned = {{{200, 201}, 1}}};

TEST_P(StoreContract, PagesStayUntilTheyAreWrittenAgainOrErased) {
  driver_.commit([](Batch& batch) {
    batch.put_progress(queue_1, paged_progress(1, 3, {page_0, page_100, page_200}));
    batch.put_progress(queue_2, paged_progress(1, 1, {page_100}));
  });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress,
              ElementsAre(Pair(queue_1, paged_progress(1, 3, {page_0, page_100, page_200})),
                          Pair(queue_2, paged_progress(1, 1, {page_100}))));
  const ProgressPage changed_100{.begin = 100, .settled = {{111, 112}}};
  driver_.commit([&](Batch& batch) {
    batch.put_progress(queue_1, paged_progress(2, 2, {changed_100, {.begin = 200}}));
  });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress,
              ElementsAre(Pair(queue_1, paged_progress(2, 2, {page_0, changed_100})),
                          Pair(queue_2, paged_progress(1, 1, {page_100}))));
  driver_.commit([&](Batch& batch) {
    batch.put_progress(queue_1, paged_progress(3, 0, {{.begin = 0}, {.begin = 100}}));
  });
  driver_.close_and_reopen();
  EXPECT_THAT(driver_.recovered().progress,
              ElementsAre(Pair(queue_1, paged_progress(3, 0, {})),
                          Pair(queue_2, paged_progress(1, 1, {page_100}))));
}

TEST_P(StoreContract, PagesGoWithTheirQueue) {
  driver_.commit([](Batch& batch) {
    for (const QueueId queue : {queue_1, queue_2, QueueId{3}}) {
      batch.put_progress(queue, paged_progress(1, 2, {page_0, page_200}));
    }
  });
  driver_.commit([](Batch& batch) { batch.delete_queue(queue_1); });
  driver_.crash_and_reopen();
  driver_.finish_recovery({queue_2});
  EXPECT_THAT(driver_.recovered().progress, ElementsAre(Pair(queue_2, _), Pair(QueueId{3}, _)));
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress,
              ElementsAre(Pair(QueueId{3}, paged_progress(1, 2, {page_0, page_200}))));
}

TEST_P(StoreContract, RowsOfPagedRangesAreDroppedAndNoOthers) {
  driver_.finish_recovery();
  driver_.commit([](Batch& batch) {
    for (Position position = 0; position < 300; ++position) {
      put(batch, {queue_1, 3, position}, "row");
    }
    batch.put_progress(queue_1, paged_progress(1, 3, {page_0, page_100, page_200}));
  });
  for (int restart = 0; restart < 2; ++restart) {
    driver_.close_and_reopen();  // A stop flushes.
    driver_.finish_recovery();
    std::set<Position> found;
    for (const SeenRow& row : driver_.rows(queue_1, 3)) {
      found.insert(row.position);
    }
    for (Position position = 0; position < 300; ++position) {
      const bool settled =
          position < 1 || position == 5 || (position >= 9 && position < 110) || position == 120;
      EXPECT_TRUE(settled || found.contains(position)) << position;
    }
  }
}

TEST_P(StoreContract, DeletedQueueHasNoProgressAnyMore) {
  driver_.finish_recovery();
  driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 1}, "gone");
    put(batch, {queue_2, 0, 1}, "kept");
    batch.put_progress(queue_1, progress_with_floor(0, 2));
    batch.put_progress(queue_2, progress_with_floor(0, 2));
  });
  driver_.commit([](Batch& batch) { batch.delete_queue(queue_1); });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress, ElementsAre(Pair(queue_2, progress_with_floor(0, 2))));
  EXPECT_THAT(driver_.rows(queue_2), ElementsAre(SeenRow{1, false, "kept"}));
}

TEST_P(StoreContract, ProgressDoesNotTouchTransientRows) {
  driver_.finish_recovery();
  driver_.commit([](Batch& batch) {
    put(batch, {queue_1, 0, 1}, "durable");
    put_transient(batch, {queue_1, 0, 2}, "a");
    put_transient(batch, {queue_1, 0, 3}, "b");
  });
  driver_.commit([](Batch& batch) {
    batch.put_progress(queue_1, progress_with_floor(4, 4));
    batch.note_transient_floor(queue_1, 0, 3);
  });
  EXPECT_THAT(driver_.read({queue_1, 0, {3, open_end}, 0, 0}).first,
              ElementsAre(SeenRow{3, true, "b"}));
}

TEST_P(StoreContract, OrphansAreDeletedWhenRecoveryFinishes) {
  driver_.commit([](Batch& batch) {
    batch.put_progress(queue_1, progress_with_floor(0, 2));
    batch.put_progress(queue_2, progress_with_floor(0, 2));
  });
  driver_.crash_and_reopen();
  driver_.finish_recovery({queue_1});
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().progress, ElementsAre(Pair(queue_2, progress_with_floor(0, 2))));
}

TEST_P(StoreContract, LiveRowsSurviveFloorsRangesAndRestarts) {
  driver_.finish_recovery();
  put_rows(queue_1, 0, 10);
  QueueProgress progress = progress_with_floor(3, 10);
  progress.sub_queues[0].settled = {{5, 6}, {8, 9}};
  driver_.commit([&](Batch& batch) { batch.put_progress(queue_1, progress); });
  for (int restart = 0; restart < 3; ++restart) {
    driver_.close_and_reopen();
    driver_.finish_recovery();
    std::vector<Position> live;
    for (const SeenRow& row : driver_.rows(queue_1)) {
      const Position position = row.position;
      if (position >= 3 && position != 5 && position != 8) {
        live.push_back(position);
        EXPECT_EQ(row.payload, std::to_string(position));
      }
    }
    EXPECT_THAT(live, ElementsAre(3, 4, 6, 7, 9));
  }
}

TEST_P(StoreContract, CleanStopIsNotedAndForgottenAtTheNextStart) {
  driver_.commit([](Batch& batch) { put(batch, {queue_1, 0, 1}, "a"); });
  driver_.close_and_reopen();
  EXPECT_TRUE(driver_.recovered().clean_stop);
  driver_.crash_and_reopen();
  EXPECT_FALSE(driver_.recovered().clean_stop);
  driver_.close_and_reopen();
  EXPECT_TRUE(driver_.recovered().clean_stop);
}

TEST_P(StoreContract, StopThatLeftSomethingOutIsNoCleanStop) {
  driver_.close_and_reopen(false);
  EXPECT_FALSE(driver_.recovered().clean_stop);
  driver_.close_and_reopen(true);
  EXPECT_TRUE(driver_.recovered().clean_stop);
  driver_.close_and_reopen(false);
  EXPECT_FALSE(driver_.recovered().clean_stop);
}

TEST_P(StoreContract, ReservedIdsNeverFall) {
  driver_.commit([](Batch& batch) { batch.reserve_queue_ids_below(200); });
  driver_.commit([](Batch& batch) { batch.reserve_queue_ids_below(100); });
  driver_.crash_and_reopen();
  EXPECT_EQ(driver_.recovered().next_queue_id, 200u);
  driver_.commit([](Batch& batch) { batch.reserve_queue_ids_below(150); });
  driver_.crash_and_reopen();
  EXPECT_EQ(driver_.recovered().next_queue_id, 200u);
}

TEST_P(StoreContract, NumbersContinueOverRestartsInEachLog) {
  driver_.commit(0, [](Batch& batch) { put(batch, {queue_1, 0, 1}, "a"); });
  driver_.commit(0, [](Batch& batch) { put(batch, {queue_1, 0, 2}, "b"); });
  driver_.commit(63, [](Batch& batch) { put(batch, {queue_2, 0, 1}, "c"); });
  driver_.crash_and_reopen();
  EXPECT_THAT(driver_.recovered().last_numbers, ElementsAre(Pair(0, 2), Pair(63, 1)));
  driver_.commit(0, [](Batch& batch) { put(batch, {queue_1, 0, 3}, "d"); });
  driver_.close_and_reopen();
  EXPECT_THAT(driver_.recovered().last_numbers, ElementsAre(Pair(0, 3), Pair(63, 1)));
}

TEST_P(StoreContract, BatchesOfOneAppendAreCommittedTogether) {
  std::vector<NumberedBatch> batches;
  for (LogId log = 0; log < 5; ++log) {
    batches.push_back(driver_.batch(log, [&](Batch& batch) {
      put(batch, {QueueId{log + 1}, 0, 1}, "part");
    }));
  }
  EXPECT_EQ(driver_.append(std::move(batches)), Outcome::committed);
  driver_.crash_and_reopen();
  for (LogId log = 0; log < 5; ++log) {
    EXPECT_THAT(driver_.rows(QueueId{log + 1}), ElementsAre(SeenRow{1, false, "part"}));
    EXPECT_EQ(driver_.recovered().last_numbers.at(log), 1u);
  }
}

TEST_P(StoreContract, DoneIsCalledOncePerAppendInTheirOrder) {
  constexpr int append_count = 500;
  std::vector<int> calls;
  std::promise<void> all_done;
  for (int i = 0; i < append_count; ++i) {
    std::vector<NumberedBatch> batches;
    batches.push_back(driver_.batch(0, [&](Batch& batch) {
      put(batch, {queue_1, 0, static_cast<Position>(i)}, "row");
    }));
    driver_.store().append(std::move(batches), [&, i](Outcome outcome) {
      EXPECT_EQ(outcome, Outcome::committed);
      calls.push_back(i);
      if (i + 1 == append_count) {
        all_done.set_value();
      }
    });
  }
  all_done.get_future().wait();
  driver_.barrier();
  ASSERT_EQ(calls.size(), static_cast<std::size_t>(append_count));
  EXPECT_TRUE(std::is_sorted(calls.begin(), calls.end()));
  EXPECT_EQ(driver_.rows(queue_1).size(), static_cast<std::size_t>(append_count));
}

TEST_P(StoreContract, CloseCommitsWhatWasAppended) {
  std::atomic<int> committed = 0;
  for (Position i = 0; i < 100; ++i) {
    std::vector<NumberedBatch> batches;
    batches.push_back(driver_.batch(0, [&](Batch& batch) { put(batch, {queue_1, 0, i}, "row"); }));
    driver_.store().append(std::move(batches), [&](Outcome outcome) {
      committed += outcome == Outcome::committed ? 1 : 0;
    });
  }
  driver_.close_and_reopen();
  EXPECT_EQ(committed, 100);
  EXPECT_EQ(driver_.rows(queue_1).size(), 100u);
}

TEST_P(StoreContract, SeveralThreadsAppendAndReadAtOnce) {
  constexpr Position rows_per_log = 200;
  driver_.finish_recovery();
  std::vector<std::thread> threads;
  for (LogId log = 0; log < 4; ++log) {
    threads.emplace_back([this, log] {
      for (Position position = 1; position <= rows_per_log; ++position) {
        std::vector<NumberedBatch> batches;
        batches.push_back({log, position, driver_.store().new_batch()});
        put(*batches[0].batch, {QueueId{log + 1}, 0, position}, "row");
        std::promise<Outcome> done;
        driver_.store().append(std::move(batches),
                               [&](Outcome outcome) { done.set_value(outcome); });
        EXPECT_EQ(done.get_future().get(), Outcome::committed);
        // What was confirmed is readable at once.
        auto [rows, outcome] = driver_.read({QueueId{log + 1}, 0, {position, position + 1}, 1, 1});
        EXPECT_EQ(rows.size(), 1u);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (LogId log = 0; log < 4; ++log) {
    EXPECT_EQ(driver_.rows(QueueId{log + 1}).size(), rows_per_log);
  }
}

template <typename Opener>
std::unique_ptr<StoreOpener> make_opener() {
  return std::make_unique<Opener>();
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         ::testing::Values(StoreKind{"memory", make_opener<MemoryOpener>},
                                           StoreKind{"rocksdb", make_opener<RocksdbOpener>}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lepus::storage
