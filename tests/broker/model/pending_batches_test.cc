#include "broker/model/pending_batches.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/base/limits.h"
#include "broker/model/queue.h"
#include "storage/memory_batch.h"

namespace lepus::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Commits when the test says so.
class FakeStore final : public storage::Store {
 public:
  [[nodiscard]] storage::Recovered take_recovered() override { return {}; }

  void recovery_finished(std::span<const QueueId>) override {}

  [[nodiscard]] std::unique_ptr<storage::Batch> new_batch() override {
    return std::make_unique<storage::MemoryBatch>();
  }

  void append(std::vector<storage::NumberedBatch> batches,
              std::function<void(storage::Outcome)>) override {
    for (storage::NumberedBatch& each : batches) {
      appended.emplace_back(static_cast<storage::MemoryBatch*>(each.batch.release()));
    }
  }

  void read(storage::ReadRequest, storage::RowVisitor,
            std::function<void(storage::ReadOutcome)>) override {}

  void close(bool /*everything_committed*/) override {}

  std::vector<std::unique_ptr<storage::MemoryBatch>> appended;
};

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }

  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }

  std::int64_t now_ms = 1'000'000;
};

/// A shard with one queue: what the queue asks for goes to its pending batches.
class PendingBatchesTest : public testing::Test, public QueueHost {
 public:
  ~PendingBatchesTest() override { batches_.abandon(); }

 protected:
  PendingBatchesTest()
      : batches_(0, store_, gate_, [this](const PublisherRef& publisher, bool refused) {
          answers_.push_back(std::to_string(publisher.confirm_number) + (refused ? "-" : "+"));
        }) {}

  static std::shared_ptr<QueueRecord> make_record(QueueId id, QueueSettings settings,
                                                  bool durable) {
    auto record = std::make_shared<QueueRecord>();
    record->id = id;
    record->partition = static_cast<PartitionIndex>(value_of(id));
    record->vhost = "/";
    record->name = "q";
    record->durable = durable;
    record->settings = std::move(settings);
    return record;
  }

  Queue& make(QueueSettings settings, bool durable = true) {
    queue_ = std::make_unique<Queue>(make_record(QueueId{1}, std::move(settings), durable), *this);
    return *queue_;
  }

  void publish(std::uint64_t confirm_number, std::size_t body_bytes = 10, bool persistent = true) {
    Message::Traits traits;
    traits.persistent = persistent;
    traits.published_ms = clock_.now_ms;
    auto message = Message::create("", "q", {"\0\0", 2}, body_bytes, traits);
    message->append_body(std::string(body_bytes, 'b'));
    queue_->publish(std::move(message), {.channel = {}, .confirm_number = confirm_number});
  }

  void seal() {
    batches_.seal({}, [](storage::Outcome) {});
  }

  void commit() { batches_.finished(storage::Outcome::committed); }

  std::vector<std::string> take_answers() { return std::exchange(answers_, {}); }

  void consume(bool no_ack) {
    queue_->start_consumer(
        {.id = ConsumerId{1}, .channel = {ConnectionId{1}, 1}, .no_ack = no_ack});
  }

  // ---- QueueHost
  [[nodiscard]] const Clock& clock() const override { return clock_; }

  void deliver(Deliver&& delivery) override { deliveries_.push_back(std::move(delivery)); }

  void add_pending(PendingRow&& row) override { batches_.add(std::move(row), clock_.now_ms); }

  void progress_changed(StoredQueue& queue, bool urgent) override {
    batches_.progress_changed(queue, urgent, clock_.now_ms);
  }

  void start_read(StoredQueue&, Priority, storage::PositionRange positions, std::size_t,
                  std::uint64_t generation) override {
    reads_.emplace_back(positions, generation);
  }

  bool dead_letter(Queue&, std::optional<MessagePlace>, MessagePtr, DeadLetterReason) override {
    return false;
  }

  void request_token(TokenRequest&&) override {}

  void return_tokens(TokenReturn&&) override {}

  void consumer_cancelled(ConsumerCancelled&&) override {}

  void got(Got&&) override {}

  OutputWindow* output_window(ConnectionId) override { return &window_; }

  void set_timer(StoredQueue&, std::int64_t) override {}

  QueueMemory& memory() override { return queue_memory_; }

  void release_due(DelayQueue&) override {}

  void wait_for_acks(Queue&) override { ++waits_for_acks_; }

  void queue_ended(Queue&) override {}

  void read_fault(const StoredQueue&, std::string_view) override {}

  ManualClock clock_;
  QueueMemory queue_memory_;
  int waits_for_acks_ = 0;
  FakeStore store_;
  storage::CutGate gate_{store_};
  OutputWindow window_{.available_bytes = limits::output_window_bytes_max};
  std::vector<std::string> answers_;
  std::vector<Deliver> deliveries_;
  std::vector<std::pair<storage::PositionRange, std::uint64_t>> reads_;
  PendingBatches batches_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(PendingBatchesTest, AQueuesDeletionDoesNotOvertakeItsRecordThatWaitsForTheRestOfACut) {
  Queue& queue = make({});
  publish(1);
  batches_.seal({.number = 1, .parts = 2}, [](storage::Outcome) {});
  queue.end();
  batches_.forget_progress(queue);
  batches_.queue_deleted(queue.record(), clock_.now_ms);
  batches_.seal({.number = 2, .parts = 1}, [](storage::Outcome) {});
  EXPECT_THAT(store_.appended, IsEmpty());
  gate_.append(1, {}, {.number = 1, .parts = 2}, [](storage::Outcome) {});
  ASSERT_EQ(store_.appended.size(), 2U);
  EXPECT_TRUE(store_.appended[0]->queues()[0].progress.has_value());
  ASSERT_EQ(store_.appended[1]->queues().size(), 1U);
  EXPECT_EQ(store_.appended[1]->queues()[0].queue, queue.record().id);
  EXPECT_FALSE(store_.appended[1]->queues()[0].progress.has_value());
  commit();
  commit();
}

TEST_F(PendingBatchesTest, APublisherIsAnsweredAfterTheCommit) {
  make({});
  publish(1);
  seal();
  EXPECT_THAT(take_answers(), IsEmpty());
  commit();
  EXPECT_THAT(take_answers(), ElementsAre("1+"));
}

TEST_F(PendingBatchesTest, WhatAConsumerHasSettledBeforeItsBatchWasSealedIsConfirmedUnwritten) {
  make({});
  consume(true);
  publish(1);
  seal();
  EXPECT_THAT(take_answers(), ElementsAre("1+"));
  for (const auto& batch : store_.appended) {
    EXPECT_THAT(batch->messages(), IsEmpty());
  }
}

TEST_F(PendingBatchesTest, WhatIsDeadLetteredBeforeItsBatchWasSealedIsConfirmedWithTheLetter) {
  QueueSettings settings;
  settings.dead_letter_exchange = "dead";
  settings.max_length = 0;
  make(settings);
  publish(1);
  seal();
  EXPECT_THAT(take_answers(), IsEmpty())
      << "the letter is in the same unit, which is not committed";
  commit();
  EXPECT_THAT(take_answers(), ElementsAre("1+"));
}

TEST_F(PendingBatchesTest, WhatATransactionSettlesBeforeItsBatchWasSealedIsConfirmedWithIt) {
  make({});
  consume(true);
  publish(1);
  const PublisherRef commit_ok{.channel = {}, .confirm_number = 2};
  batches_.add_waiters({&commit_ok, 1}, clock_.now_ms);
  seal();
  EXPECT_THAT(take_answers(), IsEmpty())
      << "what the transaction published instead is in the same unit, which is not committed";
  commit();
  EXPECT_THAT(take_answers(), testing::UnorderedElementsAre("1+", "2+"));
}

TEST_F(PendingBatchesTest, ADrainedTransientBacklogMovesItsFloorWithoutAnotherRow) {
  make({}, false);
  const std::size_t body_bytes = limits::queue_window_bytes_max / 4;
  for (int i = 0; i < 8; ++i) {
    publish(0, body_bytes, false);
  }
  seal();
  commit();
  ASSERT_EQ(store_.appended.size(), 1U);
  ASSERT_THAT(store_.appended[0]->messages(), testing::SizeIs(4)) << "those past the window";
  store_.appended.clear();
  queue_->purge();
  EXPECT_TRUE(batches_.is_due(clock_.now_ms + limits::progress_wait_ms_max));
  seal();
  ASSERT_EQ(store_.appended.size(), 1U);
  ASSERT_THAT(store_.appended[0]->transient_floors(), testing::SizeIs(1));
  EXPECT_EQ(store_.appended[0]->transient_floors()[0].floor, 8U);
  EXPECT_FALSE(store_.appended[0]->needs_sync());
  commit();
  EXPECT_TRUE(batches_.is_idle());
}

TEST_F(PendingBatchesTest, StoredMessagesWaitForTheRecordOfTheFirstUse) {
  make({});
  publish(1);
  seal();
  commit();
  consume(false);
  EXPECT_THAT(deliveries_, IsEmpty()) << "after a crash it would come back without the flag";
  EXPECT_TRUE(batches_.is_due(clock_.now_ms));
  seal();
  ASSERT_TRUE(store_.appended.back()->queues()[0].progress->sub_queues[0].had_consumer);
  EXPECT_THAT(deliveries_, IsEmpty());
  const auto finished = batches_.finished(storage::Outcome::committed);
  ASSERT_THAT(finished.first_uses, ElementsAre(QueueId{1}));
  queue_->first_use_committed();
  EXPECT_THAT(deliveries_, testing::SizeIs(1));
}

TEST_F(PendingBatchesTest, AnEmptyQueueDeliversAtOnceToItsFirstConsumer) {
  make({});
  consume(false);
  publish(1);
  EXPECT_THAT(deliveries_, testing::SizeIs(1));
}

TEST_F(PendingBatchesTest, QuorumQueuesStoreTransientMessages) {
  QueueSettings settings;
  settings.type = QueueType::quorum;
  make(settings);
  publish(1, 10, false);
  seal();
  EXPECT_THAT(take_answers(), IsEmpty());
  ASSERT_EQ(store_.appended.size(), 1U);
  ASSERT_THAT(store_.appended[0]->messages(), testing::SizeIs(1));
  EXPECT_FALSE(store_.appended[0]->messages()[0].transient);
}

TEST_F(PendingBatchesTest, APriorityLevelThatComesAfterTheConsumerIsMarkedAsUsed) {
  QueueSettings settings;
  settings.max_priority = 5;
  make(settings);
  consume(false);
  Message::Traits traits;
  traits.persistent = true;
  traits.priority = 3;
  queue_->publish(Message::create("", "q", {"\0\0", 2}, 0, traits), {});
  seal();
  const auto& record = *store_.appended.back()->queues()[0].progress;
  ASSERT_EQ(record.sub_queues.size(), 2U);
  EXPECT_TRUE(record.sub_queues[1].had_consumer);
}

TEST_F(PendingBatchesTest, ALargeBodyOfSeveralQueuesIsStoredOnce) {
  make({});
  Queue other(make_record(QueueId{2}, {}, true), *this);
  const auto publish_to_both = [&](std::size_t body_bytes) {
    auto message = Message::create("", "q", {"\0\0", 2}, body_bytes, {.persistent = true});
    message->append_body(std::string(body_bytes, 'b'));
    queue_->publish(message, {});
    other.publish(message, {});
  };
  publish_to_both(limits::shared_body_bytes_min);
  publish_to_both(limits::shared_body_bytes_min + 1);
  seal();
  ASSERT_EQ(store_.appended.size(), 2U);
  EXPECT_THAT(store_.appended[0]->bodies(),
              ElementsAre(ElementsAre(storage::MessageKey{QueueId{1}, 0, 1},
                                      storage::MessageKey{QueueId{2}, 0, 1})));
  EXPECT_THAT(store_.appended[1]->bodies(), IsEmpty());
  commit();
}

TEST_F(PendingBatchesTest, OnlyWhoStillWantsALargeBodyOwnsIt) {
  make({});
  Queue other(make_record(QueueId{2}, {}, true), *this);
  auto message = Message::create("", "q", {"\0\0", 2}, 10'000, {.persistent = true});
  message->append_body(std::string(10'000, 'b'));
  queue_->publish(message, {});
  other.publish(message, {});
  other.purge();
  seal();
  EXPECT_THAT(store_.appended[0]->bodies(), IsEmpty());
  EXPECT_THAT(store_.appended[0]->messages(), testing::SizeIs(1));
  commit();
}

}  // namespace
}  // namespace lepus::model
