// What may be dropped from the disk, and when.

#include <numeric>

#include <gmock/gmock.h>

#include "tests/storage/rocksdb_fixture.h"

namespace lepus::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr QueueId queue_1{1};
constexpr QueueId queue_2{2};
constexpr QueueId queue_3{3};

class RocksdbFilterTest : public RocksdbFixture {
 protected:
  void SetUp() override { open(); }
};

TEST_F(RocksdbFilterTest, DeadRowsAreDroppedByTheFlush) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 10);
  put_floor(queue_1, 7, 10);
  flush(backend_->durable());
  EXPECT_THAT(kept(queue_1), ElementsAre(7, 8, 9));
}

TEST_F(RocksdbFilterTest, DeadRowsAreDroppedByACompaction) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 10);
  flush(backend_->durable());
  put_floor(queue_1, 7, 10);
  EXPECT_THAT(kept(queue_1), SizeIs(10));
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), ElementsAre(7, 8, 9));
}

TEST_F(RocksdbFilterTest, NothingIsDroppedBeforeRecoveryHasFinished) {
  put_rows(queue_1, 0, 0, 10);
  put_rows(queue_2, 0, 0, 10);
  put_floor(queue_1, 7, 10);
  commit([](Batch& batch) { batch.delete_queue(queue_2); });
  flush(backend_->durable());
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), SizeIs(10));
  EXPECT_THAT(kept(queue_2), SizeIs(10));
}

TEST_F(RocksdbFilterTest, NothingIsDroppedWhileTheLogIsReplayed) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 10);
  put_rows(queue_2, 0, 0, 10);
  put_floor(queue_1, 7, 10);
  commit([](Batch& batch) { batch.delete_queue(queue_2); });
  crash_and_open();
  EXPECT_THAT(kept(queue_1), SizeIs(10));
  EXPECT_THAT(kept(queue_2), SizeIs(10));
  backend_->recovery_finished({});
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), ElementsAre(7, 8, 9));
  EXPECT_THAT(kept(queue_2), IsEmpty());
}

TEST_F(RocksdbFilterTest, UncommittedFloorDropsNothing) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 10);
  put_rows(queue_2, 0, 0, 10);
  std::vector<AppendUnit> units(1);
  units[0].batches.push_back({0, ++numbers_[0], backend_->new_batch()});
  units[0].batches[0].batch->put_progress(queue_1, progress_with_floor(7, 10));
  units[0].batches[0].batch->delete_queue(queue_2);
  flush(backend_->durable());
  EXPECT_THAT(kept(queue_1), SizeIs(10));
  EXPECT_THAT(kept(queue_2), SizeIs(10));
  EXPECT_EQ(backend_->commit(units), Outcome::committed);
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), ElementsAre(7, 8, 9));
  EXPECT_THAT(kept(queue_2), IsEmpty());
}

TEST_F(RocksdbFilterTest, QueueWithoutAnyRecordIsAlive) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 10);
  crash_and_open();
  backend_->recovery_finished({});
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), SizeIs(10));
}

TEST_F(RocksdbFilterTest, DeletedQueueIsDroppedAndItsNeighboursAreNot) {
  backend_->recovery_finished({});
  put_rows(queue_1, 255, 100, 110);
  put_rows(queue_2, 0, 0, 10);
  put_rows(queue_2, 255, 0, 10);
  put_rows(queue_3, 0, 0, 10);
  commit([](Batch& batch) { batch.delete_queue(queue_2); });
  flush(backend_->durable());
  EXPECT_THAT(kept(queue_1, 255), SizeIs(10));
  EXPECT_THAT(kept(queue_2, 0), IsEmpty());
  EXPECT_THAT(kept(queue_2, 255), IsEmpty());
  EXPECT_THAT(kept(queue_3), SizeIs(10));
}

TEST_F(RocksdbFilterTest, OrphansAreDropped) {
  put_rows(queue_1, 0, 0, 10);
  put_floor(queue_1, 0, 10);
  crash_and_open();
  const QueueId orphans[] = {queue_1};
  backend_->recovery_finished(orphans);
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), IsEmpty());
}

TEST_F(RocksdbFilterTest, OneFloorDoesNotReachTheNextPriority) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 5);
  put_rows(queue_1, 1, 0, 5);
  put_rows(queue_1, 2, 0, 5);
  QueueProgress progress = progress_with_floor(5, 5);
  progress.sub_queues.push_back({.priority = 2, .next_position = 5, .floor = 3});
  commit([&](Batch& batch) { batch.put_progress(queue_1, progress); });
  flush(backend_->durable());
  EXPECT_THAT(kept(queue_1, 0), IsEmpty());
  EXPECT_THAT(kept(queue_1, 1), SizeIs(5));
  EXPECT_THAT(kept(queue_1, 2), ElementsAre(3, 4));
}

TEST_F(RocksdbFilterTest, SettledRangesAreDroppedUpToTheirEnds) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 12);
  QueueProgress progress = progress_with_floor(2, 12);
  progress.sub_queues[0].settled = {{3, 5}, {6, 7}, {9, 11}};
  commit([&](Batch& batch) { batch.put_progress(queue_1, progress); });
  flush(backend_->durable());
  EXPECT_THAT(kept(queue_1), ElementsAre(2, 5, 7, 8, 11));
}

TEST_F(RocksdbFilterTest, DroppingLeavesNoTombstones) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 1000);
  put_floor(queue_1, 990, 1000);
  flush(backend_->durable());
  rocksdb::TablePropertiesCollection properties;
  ASSERT_TRUE(backend_->durable()
                  .db()
                  .GetPropertiesOfAllTables(backend_->durable().families().messages, &properties)
                  .ok());
  ASSERT_THAT(properties, SizeIs(1));
  EXPECT_EQ(properties.begin()->second->num_deletions, 0u);
  EXPECT_EQ(properties.begin()->second->num_entries, 10u);
}

TEST_F(RocksdbFilterTest, TransientRowsDieByTheirOwnFloorAlone) {
  backend_->recovery_finished({});
  const auto put_all = [](Batch& batch) {
    for (Position position = 0; position < 10; ++position) {
      put_transient(batch, {queue_1, 0, position}, "row");
      put_transient(batch, {queue_2, 0, position}, "row");
    }
  };
  commit(put_all);
  put_floor(queue_1, 10, 10);
  flush(backend_->transient());
  EXPECT_THAT(kept(backend_->transient(), queue_1), SizeIs(10));
  commit([](Batch& batch) {
    batch.note_transient_floor(queue_1, 0, 8);
    batch.delete_queue(queue_2);
  });
  compact(backend_->transient());
  EXPECT_THAT(kept(backend_->transient(), queue_1), ElementsAre(8, 9));
  EXPECT_THAT(kept(backend_->transient(), queue_2), IsEmpty());
}

TEST_F(RocksdbFilterTest, ASharedBodyIsDroppedWhenTheLastOfItsOwnersIsDead) {
  backend_->recovery_finished({});
  const MessageKey owners[] = {{queue_1, 0, 5}, {queue_2, 0, 7}, {queue_3, 0, 9}};
  put_shared(owners, "body");
  put_floor(queue_1, 6, 6);
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), ElementsAre(5));
  put_floor(queue_2, 8, 8);
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), ElementsAre(5)) << "an owner of which nothing is known is alive";
  commit([](Batch& batch) { batch.delete_queue(queue_3); });
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), IsEmpty());
}

TEST_F(RocksdbFilterTest, ASharedBodyIsNotDroppedBeforeRecoveryHasFinished) {
  backend_->recovery_finished({});
  const MessageKey owners[] = {{queue_1, 0, 0}, {queue_2, 0, 0}};
  put_shared(owners, "body");
  put_floor(queue_1, 1, 1);
  put_floor(queue_2, 1, 1);
  crash_and_open();
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), ElementsAre(0));
  backend_->recovery_finished({});
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), IsEmpty());
}

TEST_F(RocksdbFilterTest, ARowWhoseBodyWasDroppedIsNoReadFaultButAMissingBodyIs) {
  backend_->recovery_finished({});
  const MessageKey owners[] = {{queue_1, 0, 0}, {queue_2, 0, 0}};
  put_shared(owners, "body");
  commit([&](Batch& batch) {
    constexpr std::string_view payload[] = {"head "};
    batch.put_message_with_body({queue_3, 0, 0}, payload, {queue_3, 0, 0}, "never stored");
  });
  put_floor(queue_1, 1, 1);
  put_floor(queue_2, 1, 1);
  compact_bodies(backend_->durable());
  const RowVisitor ignore = [](Position, bool, std::string_view) {};
  EXPECT_FALSE(backend_->read({queue_1, 0, {0, 10}, 0, 0}, ignore).failed);
  EXPECT_TRUE(backend_->read({queue_3, 0, {0, 10}, 0, 0}, ignore).failed);
}

}  // namespace
}  // namespace lepus::storage
