// That space comes back, and that nothing is forgotten too early.

#include <gmock/gmock.h>

#include "storage/rocksdb_table_rows.h"
#include "tests/storage/rocksdb_fixture.h"

namespace lepus::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr QueueId queue_1{1};
constexpr QueueId queue_2{2};

class RocksdbReclaimerTest : public RocksdbFixture {
 protected:
  void SetUp() override {
    open();
    backend_->recovery_finished({});
  }

  /// Rows in a table below level 0, where nothing passes by any more.
  void settle_down() {
    flush(backend_->durable());
    compact(backend_->durable());
  }
};

TEST_F(RocksdbReclaimerTest, TablesOfADrainedQueueGo) {
  put_rows(queue_1, 0, 0, 100, 1000);
  settle_down();
  ASSERT_THAT(tables(), SizeIs(1));
  put_floor(queue_1, 100, 100);
  backend_->reclaim();
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(RocksdbReclaimerTest, TablesOfADeletedQueueGo) {
  put_rows(queue_1, 0, 0, 100, 1000);
  settle_down();
  commit([](Batch& batch) { batch.delete_queue(queue_1); });
  backend_->reclaim();
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(RocksdbReclaimerTest, HalfDeadTableIsRewrittenAndKeepsItsLiveRows) {
  put_rows(queue_1, 0, 0, 100, 1000);
  put_rows(queue_2, 0, 0, 20, 1000);
  settle_down();
  put_floor(queue_1, 70, 100);
  backend_->reclaim();
  EXPECT_THAT(kept(queue_1), SizeIs(30));
  EXPECT_THAT(kept(queue_2), SizeIs(20));
}

TEST_F(RocksdbReclaimerTest, MostlyLiveTableIsLeftAlone) {
  put_rows(queue_1, 0, 0, 100, 1000);
  settle_down();
  const std::uint64_t file_before = tables().at(0).file_number;
  put_floor(queue_1, 30, 100);
  backend_->reclaim();
  ASSERT_THAT(tables(), SizeIs(1));
  EXPECT_EQ(tables()[0].file_number, file_before);
}

TEST_F(RocksdbReclaimerTest, TableOfLevel0GoesAfterAWhile) {
  put_rows(queue_1, 0, 0, 100, 1000);
  flush(backend_->durable());
  put_floor(queue_1, 100, 100);
  backend_->reclaim();
  EXPECT_THAT(tables(), SizeIs(1)) << "it may soon be compacted anyway";
  backend_->reclaim();
  backend_->reclaim();
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(RocksdbReclaimerTest, ReadersSeeTheSameBeforeAndAfter) {
  put_rows(queue_1, 0, 0, 100, 1000);
  settle_down();
  put_floor(queue_1, 70, 100);
  backend_->reclaim();
  std::vector<Position> read;
  const ReadOutcome outcome =
      backend_->read({queue_1, 0, {70, 100}, 0, 0},
                     [&](Position position, bool, std::string_view) { read.push_back(position); });
  EXPECT_FALSE(outcome.failed);
  EXPECT_THAT(read, SizeIs(30));
}

TEST_F(RocksdbReclaimerTest, DeletedIdIsForgottenWhenNoRowIsLeft) {
  put_rows(queue_1, 0, 0, 10);
  commit([](Batch& batch) { batch.delete_queue(queue_1); });
  EXPECT_EQ(deleted_queue_count(), 1u);
  backend_->reclaim();  // flushes; the filter drops the rows
  put_rows(queue_2, 0, 0, 1);
  EXPECT_EQ(deleted_queue_count(), 0u);
  EXPECT_EQ(backend_->durable_dead().find(queue_1), nullptr);
}

TEST_F(RocksdbReclaimerTest, DeletedIdStaysWhileATableHasARow) {
  put_rows(queue_1, 0, 0, 1);
  put_rows(queue_2, 0, 0, 100, 1000);
  settle_down();
  commit([](Batch& batch) { batch.delete_queue(queue_1); });
  backend_->reclaim();  // the table is not worth a rewrite
  put_rows(queue_2, 0, 100, 101);
  EXPECT_EQ(deleted_queue_count(), 1u);
  crash_and_open();
  backend_->recovery_finished({});
  compact(backend_->durable());
  EXPECT_THAT(kept(queue_1), IsEmpty());
  EXPECT_THAT(kept(queue_2), SizeIs(101));
}

TEST_F(RocksdbReclaimerTest, DeletedIdStaysWhileATransientRowIsLeft) {
  commit([](Batch& batch) {
    put_transient(batch, {queue_1, 0, 1}, "dead");
    for (Position position = 0; position < 100; ++position) {
      put_transient(batch, {queue_2, 0, position}, std::string(1000, 'x'));
    }
  });
  flush(backend_->transient());
  commit([](Batch& batch) { batch.delete_queue(queue_1); });
  backend_->reclaim();
  put_rows(queue_2, 0, 100, 101);
  EXPECT_EQ(deleted_queue_count(), 1u);
}

TEST_F(RocksdbReclaimerTest, IdsOfTheLastRunAreForgottenToo) {
  put_rows(queue_1, 0, 0, 10);
  commit([](Batch& batch) { batch.delete_queue(queue_1); });
  options_.deleted_queues_check_min = 1000;
  crash_and_open();
  backend_->recovery_finished({});
  EXPECT_EQ(deleted_queue_count(), 1u);
  compact(backend_->durable());
  backend_->reclaim();
  put_rows(queue_2, 0, 0, 1);
  EXPECT_EQ(deleted_queue_count(), 0u);
}

TEST(TableRows, RunsComeBackAsTheyWere) {
  const std::vector<TableRun> runs{{queue_1, 3, queue_1, 3, 5, 9, 4, 400},
                                   {queue_1, 4, queue_2, 0, 1, 2, 7, 70}};
  EXPECT_EQ(decode_table_runs(encode_table_runs(runs)), runs);
  EXPECT_THAT(decode_table_runs("short"), IsEmpty());
}

std::vector<TableRun> collect(const std::vector<MessageKey>& keys) {
  RocksdbTableRowsCollector collector;
  for (const MessageKey& key : keys) {
    const MessageKeyBytes bytes = encode_message_key(key);
    EXPECT_TRUE(
        collector.AddUserKey({bytes.data(), bytes.size()}, "value", rocksdb::kEntryPut, 1, 0).ok());
  }
  rocksdb::UserCollectedProperties properties;
  EXPECT_TRUE(collector.Finish(&properties).ok());
  return decode_table_runs(properties.at(table_rows_property));
}

TEST(TableRows, EachSubQueueIsARun) {
  EXPECT_THAT(collect({{queue_1, 0, 5}, {queue_1, 0, 8}, {queue_1, 1, 2}, {queue_2, 0, 1}}),
              ElementsAre(TableRun{queue_1, 0, queue_1, 0, 5, 8, 2, 44},
                          TableRun{queue_1, 1, queue_1, 1, 2, 2, 1, 22},
                          TableRun{queue_2, 0, queue_2, 0, 1, 1, 1, 22}));
}

TEST(TableRows, ManySubQueuesShareBoundedRuns) {
  std::vector<MessageKey> keys;
  for (std::uint64_t queue = 1; queue <= 10'000; ++queue) {
    keys.push_back({QueueId{queue}, 0, 1});
  }
  const std::vector<TableRun> runs = collect(keys);
  EXPECT_LE(runs.size(), table_runs_max);
  std::uint64_t rows = 0;
  for (const TableRun& run : runs) {
    rows += run.rows;
  }
  EXPECT_EQ(rows, 10'000u);
  EXPECT_EQ(runs.front().first_queue, QueueId{1});
  EXPECT_EQ(runs.back().last_queue, QueueId{10'000});
}

TEST(TableRows, DeadBytesAreTheDeadShareOfTheRun) {
  DeadRows dead_rows;
  dead_rows.publish(queue_1, dead_part_of(progress_with_floor(15, 20)));
  dead_rows.publish(queue_2, deleted_queue());
  dead_rows.begin_dropping();
  EXPECT_EQ(estimate_dead_bytes({queue_1, 0, queue_1, 0, 10, 19, 10, 1000}, dead_rows), 500u);
  EXPECT_EQ(estimate_dead_bytes({queue_1, 0, queue_1, 0, 15, 19, 5, 500}, dead_rows), 0u);
  EXPECT_EQ(estimate_dead_bytes({queue_1, 1, queue_1, 1, 0, 5, 5, 500}, dead_rows), 0u);
  EXPECT_EQ(estimate_dead_bytes({queue_2, 9, queue_2, 9, 0, 5, 5, 500}, dead_rows), 500u);
  EXPECT_EQ(estimate_dead_bytes({queue_1, 0, queue_2, 0, 0, 5, 5, 500}, dead_rows), 500u);
}

TEST(TableRows, JoinedRunIsDeadWhereTheSubQueuesAtItsEndsAreDrained) {
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  const TableRun run{queue_1, 0, queue_2, 0, 3, 7, 100, 1000};
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 0u);
  dead_rows.publish(queue_1, dead_part_of(progress_with_floor(20, 20)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 500u);
  dead_rows.publish(queue_2, dead_part_of(progress_with_floor(7, 20)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 500u);
  dead_rows.publish(queue_2, dead_part_of(progress_with_floor(8, 20)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 1000u);
}

TEST(TableRows, PositionsWithoutARowAreNoDeadRows) {
  DeadRows dead_rows;
  dead_rows.begin_dropping();
  // Ten rows among a thousand positions.
  const TableRun run{queue_1, 0, queue_1, 0, 0, 999, 10, 1000};
  dead_rows.publish(queue_1, dead_part_of(progress_with_floor(900, 1000)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 0u);
  dead_rows.publish(queue_1, dead_part_of(progress_with_floor(995, 1000)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 500u);
  dead_rows.publish(queue_1, dead_part_of(progress_with_floor(1000, 1000)));
  EXPECT_EQ(estimate_dead_bytes(run, dead_rows), 1000u);
}

TEST_F(RocksdbReclaimerTest, TablesOfSharedBodiesGoWithTheLastOfTheirOwners) {
  const std::string body(100'000, 'b');
  for (Position position = 0; position < 10; ++position) {
    const MessageKey owners[] = {{queue_1, 0, position}, {queue_2, 0, position}};
    put_shared(owners, body);
  }
  compact_bodies(backend_->durable());
  put_floor(queue_1, 10, 10);
  backend_->reclaim();
  EXPECT_THAT(kept_bodies(), SizeIs(10));
  put_floor(queue_2, 10, 10);
  backend_->reclaim();
  EXPECT_THAT(kept_bodies(), IsEmpty());
}

TEST_F(RocksdbReclaimerTest, DeletedIdStaysWhileATableOfBodiesNamesIt) {
  const MessageKey owners[] = {{queue_1, 0, 0}, {queue_2, 0, 0}};
  put_shared(owners, "body");
  commit([](Batch& batch) { batch.delete_queue(queue_2); });
  flush(backend_->durable());
  compact(backend_->durable());
  ASSERT_THAT(kept(queue_2), IsEmpty());
  backend_->reclaim();
  put_floor(queue_1, 0, 1);
  EXPECT_EQ(deleted_queue_count(), 1U);
  put_floor(queue_1, 1, 1);
  compact_bodies(backend_->durable());
  EXPECT_THAT(kept_bodies(), IsEmpty());
  crash_and_open();  // a start looks at once
  backend_->recovery_finished({});
  backend_->reclaim();
  put_floor(queue_1, 1, 1);
  EXPECT_EQ(deleted_queue_count(), 0U);
}

}  // namespace
}  // namespace lepus::storage
