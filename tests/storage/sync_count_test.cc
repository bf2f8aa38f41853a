// When a commit is synced, and how often: seen by the disk.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/rocksdb_backend.h"
#include "tests/storage/simulated_environment.h"
#include "tests/storage/store_driver.h"

namespace lepus::storage {
namespace {

class SyncCountTest : public ::testing::Test {
 protected:
  SyncCountTest() {
    options_.environment = &environment_;
    options_.reclaim_interval = std::chrono::milliseconds(0);
  }

  void open() {
    auto opened = RocksdbBackend::open("/data", options_);
    ASSERT_TRUE(opened) << opened.error().text;
    backend_ = std::move(*opened);
    backend_->recovery_finished({});
    environment_.run_jobs();
    syncs_before_ = disk().count(FileOperation::sync);
  }

  SimulatedFileSystem& disk() { return environment_.disk(); }

  using Fill = StoreDriver::Fill;

  /// One commit of so many units, each with a batch of the log 0.
  Outcome commit(std::size_t units_count, const Fill& fill) {
    std::vector<AppendUnit> units(units_count);
    for (AppendUnit& unit : units) {
      unit.batches.push_back({0, ++number_, backend_->new_batch()});
      fill(*unit.batches[0].batch);
    }
    return backend_->commit(units);
  }

  std::uint64_t syncs() { return disk().count(FileOperation::sync) - syncs_before_; }

  Fill row() {
    return [this](Batch& batch) { put(batch, {QueueId{1}, 0, position_++}, "payload"); };
  }

  Fill progress() {
    return [this](Batch& batch) {
      batch.put_progress(QueueId{1}, progress_with_floor(position_, position_ + 1));
    };
  }

  SimulatedEnvironment environment_{1};
  StoreOptions options_;
  std::shared_ptr<RocksdbBackend> backend_;
  BatchNumber number_ = 0;
  Position position_ = 0;
  std::uint64_t syncs_before_ = 0;
};

TEST_F(SyncCountTest, ACommitReturnsWhenAllOfItIsSafe) {
  open();
  for (std::uint64_t count = 1; count <= 50; ++count) {
    ASSERT_EQ(commit(1, row()), Outcome::committed);
    EXPECT_EQ(disk().unsafe_bytes(".log"), 0u);
    EXPECT_EQ(syncs(), count);
  }
}

TEST_F(SyncCountTest, ACommitIntoANewLogIsAsSafe) {
  options_.log_bytes_max = 10'000;
  open();
  const std::uint64_t files_before = disk().count(FileOperation::create);
  for (int count = 0; count < 30; ++count) {
    const HeldJobs held(environment_);
    ASSERT_EQ(commit(1,
                     [this](Batch& batch) {
                       put(batch, {QueueId{1}, 0, position_++}, std::string(2000, 'x'));
                     }),
              Outcome::committed);
    EXPECT_EQ(disk().unsafe_bytes(".log"), 0u);
  }
  EXPECT_GT(disk().count(FileOperation::create), files_before + 4) << "no new log was begun";
}

TEST_F(SyncCountTest, UnitsOfOneCommitShareASync) {
  open();
  ASSERT_EQ(commit(100, row()), Outcome::committed);
  EXPECT_EQ(syncs(), 1u);
}

TEST_F(SyncCountTest, AcksAloneSyncOncePerCommit) {
  open();
  ASSERT_EQ(commit(100, progress()), Outcome::committed);
  EXPECT_EQ(disk().unsafe_bytes(".log"), 0u);
  EXPECT_EQ(syncs(), 1u);
  ASSERT_EQ(commit(1, progress()), Outcome::committed);
  EXPECT_EQ(syncs(), 2u);
}

TEST_F(SyncCountTest, TransientRowsAndFloorsSyncNothing) {
  open();
  const std::uint64_t appends_before = disk().count(FileOperation::append);
  ASSERT_EQ(commit(100,
                   [this](Batch& batch) {
                     put_transient(batch, {QueueId{1}, 0, position_++}, "payload");
                     batch.note_transient_floor(QueueId{1}, 0, position_ - 1);
                   }),
            Outcome::committed);
  EXPECT_EQ(syncs(), 0u);
  EXPECT_EQ(disk().count(FileOperation::append), appends_before);
}

TEST_F(SyncCountTest, ReadsSyncNothing) {
  open();
  ASSERT_EQ(commit(100, row()), Outcome::committed);
  EXPECT_FALSE(
      backend_->read({QueueId{1}, 0, {0, 100}, 0, 0}, [](Position, bool, std::string_view) {})
          .failed);
  EXPECT_EQ(syncs(), 1u);
}

TEST_F(SyncCountTest, TheDiskNoticesACommitThatIsNotSynced) {
  options_.sync_writes = false;
  open();
  ASSERT_EQ(commit(1, row()), Outcome::committed);
  EXPECT_GT(disk().unsafe_bytes(".log"), 0u);
}

}  // namespace
}  // namespace lepus::storage
