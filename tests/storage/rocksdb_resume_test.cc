// What a store does when a write fails while it runs, and how it goes on.

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <rocksdb/env.h>

#include "storage/open_store.h"
#include "storage/threaded_store.h"
#include "tests/storage/rocksdb_fixture.h"
#include "tests/storage/simulated_environment.h"

namespace lepus::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Fault = SimulatedFileSystem::Fault;
using Loss = SimulatedFileSystem::Loss;

constexpr QueueId queue_1{1};

/// A backend on a disk in memory that fails on demand.
class RocksdbResumeTest : public RocksdbFixture {
 public:
  ~RocksdbResumeTest() override { backend_.reset(); }

 protected:
  RocksdbResumeTest() {
    path_ = "/data";
    options_.environment = &environment_;
    options_.reserve_bytes = 0;
    options_.health_changed = [this] { health_changes_ += 1; };
  }

  void SetUp() override {
    open();
    backend_->recovery_finished({});
    put_rows(queue_1, 0, 0, 3);
  }

  SimulatedFileSystem& disk() { return environment_.disk(); }

  static std::vector<AppendUnit> unit_of(NumberedBatch numbered) {
    std::vector<AppendUnit> units(1);
    units[0].batches.push_back(std::move(numbered));
    return units;
  }

  std::vector<AppendUnit> row(Position position, LogId log = 0) {
    auto units = unit_of({log, ++numbers_[log], backend_->new_batch()});
    put(*units[0].batches[0].batch, {queue_1, 0, position}, "row");
    return units;
  }

  /// Commits again what was unknown, as the committer does.
  Outcome commit_again(std::vector<AppendUnit>& units) {
    for (AppendUnit& unit : units) {
      unit.is_again = true;
    }
    return backend_->commit(units);
  }

  std::vector<Position> read_rows() {
    std::vector<Position> positions;
    const ReadOutcome outcome = backend_->read(
        {queue_1, 0, {0, 100}, 0, 0},
        [&](Position position, bool, std::string_view) { positions.push_back(position); });
    EXPECT_FALSE(outcome.failed) << outcome.error;
    return positions;
  }

  SimulatedEnvironment environment_{1};
  std::atomic<int> health_changes_ = 0;
};

TEST_F(RocksdbResumeTest, FailedSyncIsUnknownAndTheSameLogIsNeverSyncedAgain) {
  disk().fail({.operation = FileOperation::sync, .path_part = ".log"});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  const std::uint64_t syncs = disk().count(FileOperation::sync);
  EXPECT_FALSE(backend_->can_commit());
  EXPECT_TRUE(backend_->needs_resume());
  auto more = row(4);
  EXPECT_EQ(backend_->commit(more), Outcome::unknown);
  EXPECT_EQ(disk().count(FileOperation::sync), syncs);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2));
}

TEST_F(RocksdbResumeTest, WhatTheLogHeldIsNotWrittenTwice) {
  disk().fail({.operation = FileOperation::sync, .path_part = ".log"});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  backend_->resume();
  ASSERT_TRUE(backend_->can_commit());
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3));  // It was in the log.
  const std::uint64_t appends = disk().count(FileOperation::append);
  EXPECT_EQ(commit_again(units), Outcome::committed);
  EXPECT_EQ(disk().count(FileOperation::append), appends);
  // The row was flushed by the opening: the bytes that were never synced are not needed.
  disk().power_cut(Loss::tail);
  crash_and_open();
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(recovered_.last_numbers.at(0), 2u);
}

TEST_F(RocksdbResumeTest, APowerCutDoesNotBringBackTheLogThatHasFailed) {
  const auto logs = [this] {
    std::vector<std::string> names;
    EXPECT_TRUE(environment_.GetChildren("/data/store", &names).ok());
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
    return names;
  };
  const std::vector<std::string> failed = logs();
  ASSERT_THAT(failed, SizeIs(1));
  disk().fail({.operation = FileOperation::sync, .path_part = ".log"});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  environment_.hold_jobs();
  backend_->resume();
  disk().power_cut(Loss::tail);
  EXPECT_THAT(logs(), Not(Contains(failed.front())));
}

TEST_F(RocksdbResumeTest, WhatTheLogHadNotIsWrittenAgain) {
  disk().fail({.operation = FileOperation::append, .path_part = ".log"});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  backend_->resume();
  ASSERT_TRUE(backend_->can_commit());
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2));
  EXPECT_EQ(commit_again(units), Outcome::committed);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3));
  auto more = row(4);
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  disk().power_cut(Loss::tail);
  crash_and_open();
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(recovered_.last_numbers.at(0), 3u);
}

TEST_F(RocksdbResumeTest, NumbersThatWaitedForTheNextWriteAreStoredAfterwards) {
  std::vector<AppendUnit> transient = unit_of({7, ++numbers_[7], backend_->new_batch()});
  put_transient(*transient[0].batches[0].batch, {queue_1, 0, 50}, "transient");
  EXPECT_EQ(backend_->commit(transient), Outcome::committed);
  disk().fail({.operation = FileOperation::append, .path_part = ".log"});
  auto units = row(3, 7);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  backend_->resume();
  EXPECT_EQ(commit_again(units), Outcome::committed);
  crash_and_open();
  EXPECT_EQ(recovered_.last_numbers.at(7), 2u);
  EXPECT_EQ(recovered_.last_numbers.at(0), 1u);
}

TEST_F(RocksdbResumeTest, FailedCommitDeclaresNothingDeadUntilItIsRepeated) {
  disk().fail({.operation = FileOperation::sync, .path_part = ".log"});
  auto units = unit_of({0, ++numbers_[0], backend_->new_batch()});
  units[0].batches[0].batch->put_progress(queue_1, progress_with_floor(2, 3));
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  EXPECT_EQ(backend_->durable_dead().find(queue_1), nullptr);
  disk().end_fault();
  backend_->resume();
  EXPECT_EQ(backend_->durable_dead().find(queue_1), nullptr);
  EXPECT_EQ(commit_again(units), Outcome::committed);
  EXPECT_NE(backend_->durable_dead().find(queue_1), nullptr);
}

TEST_F(RocksdbResumeTest, ReadsGoOnWhileItCanNotBeOpened) {
  disk().fail({.operation = FileOperation::append, .lasting = true});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  for (int attempt = 0; attempt < 2; ++attempt) {
    backend_->resume();
    EXPECT_FALSE(backend_->can_commit());
    EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2));
  }
  disk().end_fault();
  backend_->resume();
  EXPECT_TRUE(backend_->can_commit());
  EXPECT_EQ(commit_again(units), Outcome::committed);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3));
}

TEST_F(RocksdbResumeTest, BatchesFilledBeforeItWasOpenedAgainCanBeCommitted) {
  auto later = backend_->new_batch();
  put(*later, {queue_1, 0, 4}, "begun before");
  disk().fail({.operation = FileOperation::append, .path_part = ".log"});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  disk().end_fault();
  backend_->resume();
  EXPECT_EQ(commit_again(units), Outcome::committed);
  put(*later, {queue_1, 0, 5}, "ended afterwards");
  auto more = unit_of({0, ++numbers_[0], std::move(later)});
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(RocksdbResumeTest, FailureIsToldInOneLineAndItsEndInAnother) {
  EXPECT_EQ(backend_->health(), StoreHealth());
  disk().fail({.operation = FileOperation::append, .lasting = true, .no_space = true});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  backend_->resume();
  EXPECT_THAT(errors_, ElementsAre(AllOf(
                           HasSubstr("a write to /data/store failed"), HasSubstr("No space left"),
                           HasSubstr("make room on the disk"), Not(HasSubstr("\n")))));
  EXPECT_FALSE(backend_->health().is_good);
  EXPECT_EQ(backend_->health().problem, errors_[0]);
  EXPECT_EQ(health_changes_, 1);
  disk().end_fault();
  backend_->resume();
  EXPECT_EQ(backend_->health(), StoreHealth());
  EXPECT_THAT(errors_, SizeIs(1));
  EXPECT_EQ(health_changes_, 2);
}

TEST_F(RocksdbResumeTest, FailedFlushIsFoundWithoutAWriteAndLosesNothing) {
  int wakes = 0;
  backend_->set_waker([&] { wakes += 1; });
  disk().fail({.operation = FileOperation::append, .no_space = true, .path_part = ".sst"});
  EXPECT_FALSE(backend_->durable().db().Flush({}, backend_->durable().families().messages).ok());
  EXPECT_GT(wakes, 0);
  EXPECT_FALSE(backend_->can_commit());
  EXPECT_TRUE(backend_->needs_resume());
  disk().end_fault();
  backend_->resume();
  EXPECT_TRUE(backend_->can_commit());
  EXPECT_EQ(backend_->health(), StoreHealth());
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2));
  auto more = row(3);
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  backend_->set_waker(nullptr);
}

TEST_F(RocksdbResumeTest, WhatComesJustAfterAFailedFlushIsCommittedLater) {
  disk().fail({.operation = FileOperation::append, .no_space = true, .path_part = ".sst"});
  EXPECT_FALSE(backend_->durable().db().Flush({}, backend_->durable().families().messages).ok());
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  backend_->resume();
  EXPECT_EQ(commit_again(units), Outcome::committed);
  auto more = row(4);
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  crash_and_open();
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(RocksdbResumeTest, StopWhileItHasFailedIsNoCleanStop) {
  disk().fail({.operation = FileOperation::append, .lasting = true});
  auto units = row(3);
  EXPECT_EQ(backend_->commit(units), Outcome::unknown);
  backend_->close(true);
  disk().end_fault();
  crash_and_open();
  EXPECT_FALSE(recovered_.clean_stop);
  EXPECT_EQ(recovered_.last_numbers.at(0), 1u);
}

TEST_F(RocksdbResumeTest, OrphansOfAFailedStoreAreDeletedWhenItIsOpenAgain) {
  crash_and_open();
  disk().fail({.operation = FileOperation::append, .path_part = ".log"});
  const QueueId orphans[] = {queue_1};
  backend_->recovery_finished(orphans);
  EXPECT_FALSE(backend_->can_commit());
  EXPECT_FALSE(backend_->durable_dead().dropping());
  disk().end_fault();
  backend_->resume();
  EXPECT_TRUE(backend_->durable_dead().dropping());
  EXPECT_EQ(deleted_queue_count(), 1u);
}

// ---- the transient instance

TEST_F(RocksdbResumeTest, FailureOfTransientRowsIsTheirUnitsAlone) {
  disk().fail({.operation = FileOperation::append,
               .lasting = true,
               .no_space = true,
               .path_part = "/transient/"});
  auto transient = unit_of({0, ++numbers_[0], backend_->new_batch()});
  put_transient(*transient[0].batches[0].batch, {queue_1, 0, 50}, "transient");
  EXPECT_EQ(backend_->commit(transient), Outcome::committed);
  EXPECT_FALSE(
      backend_->transient().db().Flush({}, backend_->transient().families().messages).ok());
  std::vector<AppendUnit> units(2);
  units[0].batches.push_back({0, ++numbers_[0], backend_->new_batch()});
  put_transient(*units[0].batches[0].batch, {queue_1, 0, 51}, "transient");
  put(*units[0].batches[0].batch, {queue_1, 0, 3}, "durable beside it");
  units[1].batches.push_back({1, ++numbers_[1], backend_->new_batch()});
  put(*units[1].batches[0].batch, {queue_1, 0, 4}, "durable");
  EXPECT_EQ(backend_->commit(units), Outcome::committed);
  EXPECT_EQ(units[0].outcome, Outcome::unknown);
  EXPECT_EQ(units[1].outcome, Outcome::committed);
  EXPECT_TRUE(backend_->can_commit());
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("/data/transient and stay in memory")));
  EXPECT_FALSE(backend_->health().is_good);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4, 50));

  backend_->resume();
  EXPECT_FALSE(backend_->health().is_good);
  disk().end_fault();
  backend_->resume();
  EXPECT_FALSE(backend_->needs_resume());
  EXPECT_EQ(backend_->health(), StoreHealth());
  auto more = unit_of({0, ++numbers_[0], backend_->new_batch()});
  put_transient(*more[0].batches[0].batch, {queue_1, 0, 52}, "transient");
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  EXPECT_EQ(more[0].outcome, Outcome::committed);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4, 50, 52));
}

// ---- damage

TEST_F(RocksdbResumeTest, DamageMetByACompactionIsToldAndWritesGoOnWithoutCompactions) {
  flush(backend_->durable());
  put_rows(queue_1, 0, 3, 6);
  flush(backend_->durable());
  disk().fail({.operation = FileOperation::read, .lasting = true, .path_part = ".sst"});
  EXPECT_FALSE(backend_->durable()
                   .db()
                   .CompactRange({}, backend_->durable().families().messages, nullptr, nullptr)
                   .ok());
  disk().end_fault();
  ASSERT_FALSE(backend_->can_commit());
  backend_->resume();
  EXPECT_TRUE(backend_->can_commit());
  EXPECT_THAT(backend_->health().problem,
              AllOf(HasSubstr(".sst"), HasSubstr("lepus store repair")));
  EXPECT_FALSE(backend_->health().is_good);
  EXPECT_FALSE(backend_->needs_resume());
  EXPECT_TRUE(backend_->durable()
                  .db()
                  .GetOptions(backend_->durable().families().messages)
                  .disable_auto_compactions);
  auto more = row(6);
  EXPECT_EQ(backend_->commit(more), Outcome::committed);
  EXPECT_THAT(read_rows(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST_F(RocksdbResumeTest, DamageMetByAReadIsTold) {
  flush(backend_->durable());
  crash_and_open();
  disk().fail({.operation = FileOperation::read, .lasting = true, .path_part = ".sst"});
  const ReadOutcome outcome =
      backend_->read({queue_1, 0, {0, 100}, 0, 0}, [](Position, bool, std::string_view) {});
  disk().end_fault();
  EXPECT_TRUE(outcome.failed);
  EXPECT_THAT(outcome.error, HasSubstr(".sst"));
  EXPECT_FALSE(backend_->health().is_good);
  EXPECT_THAT(backend_->health().problem,
              AllOf(HasSubstr(".sst"), HasSubstr("lepus store repair")));
  EXPECT_TRUE(backend_->can_commit());
}

// ---- the committer

/// A store with its threads, over the same disk.
class ResumingStoreTest : public RocksdbResumeTest {
 protected:
  ResumingStoreTest() { options_.log = {}; }

  void SetUp() override {
    auto opened = RocksdbBackend::open(path_, options_);
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::make_unique<ThreadedStore>(*opened);
    store_->recovery_finished({});
  }

  std::future<Outcome> append(LogId log, const std::string& payload) {
    auto batch = store_->new_batch();
    if (log == topology_log) {
      batch->put_topology(payload, payload);
    } else {
      put(*batch, {queue_1, 0, numbers_[log]}, payload);
    }
    return append({log, ++numbers_[log], std::move(batch)});
  }

  std::future<Outcome> append(NumberedBatch numbered) {
    std::vector<NumberedBatch> batches;
    batches.push_back(std::move(numbered));
    auto done = std::make_shared<std::promise<Outcome>>();
    auto outcome = done->get_future();
    store_->append(std::move(batches), [done](Outcome outcome) { done->set_value(outcome); });
    return outcome;
  }

  static bool is_answered(const std::future<Outcome>& outcome) {
    return outcome.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  std::unique_ptr<ThreadedStore> store_;
};

TEST_F(ResumingStoreTest, StoringGoesOnByItself) {
  EXPECT_EQ(append(0, "a").get(), Outcome::committed);
  disk().fail({.operation = FileOperation::append, .lasting = true});
  EXPECT_EQ(append(0, "b").get(), Outcome::unknown);
  EXPECT_FALSE(store_->health().is_good);
  auto waiting = append(0, "c");
  EXPECT_FALSE(is_answered(waiting));
  disk().end_fault();
  EXPECT_EQ(waiting.get(), Outcome::committed);
  store_->close(true);
  store_.reset();
  open();
  EXPECT_TRUE(recovered_.clean_stop);
  EXPECT_EQ(recovered_.last_numbers.at(0), 3u);
  EXPECT_THAT(kept(queue_1), ElementsAre(0, 1, 2));
}

TEST_F(ResumingStoreTest, TopologyIsAnsweredWhenItsFateIsKnown) {
  disk().fail({.operation = FileOperation::append, .lasting = true});
  auto declared = append(topology_log, "queue");
  EXPECT_EQ(append(0, "a").get(), Outcome::unknown);
  EXPECT_FALSE(is_answered(declared));
  disk().end_fault();
  EXPECT_EQ(declared.get(), Outcome::committed);
}

TEST_F(ResumingStoreTest, WhatNeedsCertaintyWaitsForItAndSoDoesWhatFollows) {
  disk().fail({.operation = FileOperation::append, .lasting = true});
  NumberedBatch transaction{0, ++numbers_[0], store_->new_batch(), true};
  put(*transaction.batch, {queue_1, 0, 0}, "a");
  auto committed = append(std::move(transaction));
  auto next = append(0, "b");
  EXPECT_EQ(append(1, "c").wait_for(std::chrono::milliseconds(1)), std::future_status::timeout);
  EXPECT_FALSE(is_answered(committed));
  EXPECT_FALSE(is_answered(next));
  disk().end_fault();
  EXPECT_EQ(committed.get(), Outcome::committed);
  EXPECT_EQ(next.get(), Outcome::committed);
}

TEST_F(ResumingStoreTest, WhatWaitsIsUnknownWhenItIsClosed) {
  disk().fail({.operation = FileOperation::append, .lasting = true});
  auto declared = append(topology_log, "queue");
  auto waiting = append(0, "a");
  store_->close(true);
  EXPECT_EQ(declared.get(), Outcome::unknown);
  EXPECT_EQ(waiting.get(), Outcome::unknown);
  store_.reset();
  disk().end_fault();
  open();
  EXPECT_FALSE(recovered_.clean_stop);
}

TEST_F(ResumingStoreTest, FailureBeforeRecoveryHasFinishedIsAnsweredAtOnce) {
  store_.reset();
  auto opened = RocksdbBackend::open(path_, options_);
  ASSERT_TRUE(opened);
  store_ = std::make_unique<ThreadedStore>(*opened);
  disk().fail({.operation = FileOperation::append, .lasting = true});
  EXPECT_EQ(append(topology_log, "reservation").get(), Outcome::unknown);
  disk().end_fault();
}

TEST_F(ResumingStoreTest, FailedFlushWakesTheCommitter) {
  EXPECT_EQ(append(0, "a").get(), Outcome::committed);
  std::promise<void> failed;
  std::promise<void> over;
  store_.reset();
  std::atomic<int> changes = 0;
  options_.health_changed = [&] {
    const int change = ++changes;
    if (change <= 2) {
      (change == 1 ? failed : over).set_value();
    }
  };
  auto opened = RocksdbBackend::open(path_, options_);
  ASSERT_TRUE(opened);
  store_ = std::make_unique<ThreadedStore>(*opened);
  store_->recovery_finished({});
  EXPECT_EQ(append(0, "b").get(), Outcome::committed);
  disk().fail({.operation = FileOperation::append, .no_space = true, .path_part = ".sst"});
  {
    // The flush fails when nobody uses the instance any more, which the committer closes then.
    const HeldJobs held(environment_);
    rocksdb::FlushOptions options;
    options.wait = false;
    EXPECT_TRUE(
        (*opened)->durable().db().Flush(options, (*opened)->durable().families().messages).ok());
  }
  disk().end_fault();
  failed.get_future().wait();
  over.get_future().wait();
  EXPECT_EQ(store_->health(), StoreHealth());
  EXPECT_EQ(append(0, "c").get(), Outcome::committed);
}

}  // namespace
}  // namespace lepus::storage
