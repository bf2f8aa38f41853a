#include "storage/statistics.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/open_store.h"
#include "storage/statistics_counters.h"
#include "tests/storage/rocksdb_fixture.h"

namespace lepus::storage {
namespace {

TEST(Distribution, CountsEachValueInTheBucketOfItsLength) {
  DistributionCounter counter;
  for (const std::uint64_t value : {0, 1, 2, 3, 4, 1000}) {
    counter.add(value);
  }
  const Distribution distribution = counter.get();
  EXPECT_EQ(distribution.count, 6U);
  EXPECT_EQ(distribution.sum, 1010U);
  EXPECT_EQ(distribution.max, 1000U);
  EXPECT_EQ(distribution.buckets[0], 1U);
  EXPECT_EQ(distribution.buckets[1], 1U);
  EXPECT_EQ(distribution.buckets[2], 2U);
  EXPECT_EQ(distribution.buckets[3], 1U);
  EXPECT_EQ(distribution.buckets[10], 1U);
}

TEST(Distribution, QuantileIsRightUpToAFactorOfTwo) {
  DistributionCounter counter;
  EXPECT_EQ(counter.get().quantile(0.99), 0U);
  for (std::uint64_t value = 1; value <= 1000; ++value) {
    counter.add(value);
  }
  EXPECT_GE(counter.get().quantile(0.5), 500U);
  EXPECT_LE(counter.get().quantile(0.5), 1000U);
  EXPECT_EQ(counter.get().quantile(0.99), 1000U);
  counter.add(~std::uint64_t{0});
  EXPECT_EQ(counter.get().buckets.back(), 1U);
}

using StatisticsTest = RocksdbFixture;

TEST_F(StatisticsTest, CommitsAndReadsAreCounted) {
  open();
  backend_->recovery_finished({});
  const StoreStatistics before = backend_->statistics();
  put_rows(QueueId{1}, 0, 0, 10, 1000);
  put_rows(QueueId{1}, 0, 10, 30, 1000);
  static_cast<void>(
      backend_->read({QueueId{1}, 0, {0, 5}, 0, 0}, [](Position, bool, std::string_view) {}));
  const StoreStatistics after = backend_->statistics();
  EXPECT_EQ(after.commits - before.commits, 2U);
  EXPECT_EQ(after.batches - before.batches, 2U);
  EXPECT_GE(after.records_per_commit.sum - before.records_per_commit.sum, 30U);
  EXPECT_GE(after.committed_bytes - before.committed_bytes, 30'000U);
  EXPECT_GE(after.log_bytes, 30'000U);
  EXPECT_EQ(after.reads, 1U);
  EXPECT_EQ(after.rows_read, 5U);
  EXPECT_EQ(after.row_bytes_read, 5000U);
}

TEST_F(StatisticsTest, FlushesAndCompactionsAmplifyWrites) {
  open();
  backend_->recovery_finished({});
  put_rows(QueueId{1}, 0, 0, 100, 1000);
  EXPECT_LT(backend_->statistics().write_amplification(), 1.5);
  flush(backend_->durable());
  compact(backend_->durable());
  const StoreStatistics statistics = backend_->statistics();
  EXPECT_GE(statistics.flush_bytes_written, 100'000U);
  EXPECT_GE(statistics.compaction_bytes_written, 100'000U);
  EXPECT_GE(statistics.table_bytes, 100'000U);
  EXPECT_GT(statistics.write_amplification(), 2.5);
}

TEST_F(StatisticsTest, EveryFamilyIsListed) {
  open();
  std::vector<std::string> names;
  for (const FamilyStatistics& family : backend_->statistics().families) {
    names.push_back(family.name);
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("default", "topology", "messages", "progress",
                                                     "deleted_queues", "bodies", "transient"));
}

TEST(MemoryStore, HasNoFigures) {
  const auto store = make_memory_store();
  StoreOperations* const operations = operations_of(*store);
  ASSERT_NE(operations, nullptr);
  EXPECT_EQ(operations->statistics().commits, 0U);
  EXPECT_EQ(operations->statistics().write_amplification(), 0);
  store->close(true);
}

using BackupTest = RocksdbFixture;

TEST_F(BackupTest, HoldsEverythingCommittedBefore) {
  open();
  backend_->recovery_finished({});
  put_rows(QueueId{1}, 0, 0, 100, 1000);
  flush(backend_->durable());
  put_rows(QueueId{1}, 0, 100, 150, 1000);  // in the log only
  const std::filesystem::path copy = temporary_.path() / "copy";
  const Result<void> made = backend_->backup(copy);
  ASSERT_TRUE(made) << made.error().text;
  put_rows(QueueId{1}, 0, 150, 160, 1000);
  backend_.reset();
  path_ = copy;
  open();
  EXPECT_EQ(kept(QueueId{1}).size(), 150U);
}

TEST_F(BackupTest, NeverOverwrites) {
  open();
  EXPECT_FALSE(backend_->backup(path_));
  EXPECT_FALSE(backend_->backup("relative"));
  EXPECT_FALSE(backend_->backup("/no/such/parent"));
  EXPECT_FALSE(std::filesystem::exists("relative"));
}

}  // namespace
}  // namespace lepus::storage
