#include "broker/model/queue.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/base/limits.h"
#include "tests/broker/model/fake_queue_host.h"

namespace lepus::model {
namespace {

using testing::ElementsAre;

class QueueTest : public testing::Test {
 protected:
  Queue& make(QueueSettings settings = {}, bool auto_delete = false) {
    auto record = std::make_shared<QueueRecord>();
    record->id = QueueId{1};
    record->vhost = "/";
    record->name = "q";
    record->auto_delete = auto_delete;
    record->settings = std::move(settings);
    queue_ = std::make_unique<Queue>(std::move(record), host_);
    return *queue_;
  }

  PublishAnswer publish(std::string_view body, Message::Traits traits = {}) {
    traits.published_ms = host_.manual_clock.now_ms;
    auto message = Message::create("", "q", {"\0\0", 2}, body.size(), traits);
    message->append_body(body);
    return queue_->publish(std::move(message), {});
  }

  void consume(std::uint64_t id, std::uint16_t prefetch = 0, bool no_ack = false,
               std::int32_t priority = 0) {
    ConsumerSpecification specification;
    specification.id = ConsumerId{id};
    specification.channel = {ConnectionId{1}, static_cast<std::uint16_t>(id)};
    specification.prefetch_count = prefetch;
    specification.no_ack = no_ack;
    specification.priority = priority;
    ASSERT_FALSE(queue_->check_consumer(specification));
    queue_->start_consumer(specification);
  }

  /// Settles the n-th delivery of the last take_deliveries().
  void settle(std::size_t n, Settlement settlement) {
    const Deliver& delivery = host_.settled_view.at(n);
    queue_->settle(delivery.consumer, settlement, {&delivery.place, 1});
  }

  FakeHost host_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(QueueTest, DeliversRoundRobinToConsumersWithCredit) {
  make();
  consume(1, 1);
  consume(2, 2);
  for (const char* body : {"a", "b", "c", "d"}) {
    publish(body);
  }
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a", "2:b", "2:c"));
  settle(0, Settlement::ack);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:d"));
  queue_->check_invariants();
}

TEST_F(QueueTest, ARequeuedMessageGoesToItsOldPlaceAndIsFlagged) {
  make();
  for (const char* body : {"a", "b", "c"}) {
    publish(body);
  }
  consume(1, 2);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a", "1:b"));
  const MessagePlace places[] = {host_.settled_view[0].place, host_.settled_view[1].place};
  queue_->settle(ConsumerId{1}, Settlement::requeue, places);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a!", "1:b!"));
}

TEST_F(QueueTest, NewSettingsHoldForMessagesThatAreThere) {
  make();
  for (const char* body : {"a", "b", "c"}) {
    publish(body);
  }
  host_.manual_clock.now_ms += 10;
  publish("d");
  queue_->change_settings(std::make_shared<QueueSettings>(QueueSettings{.max_length = 2}));
  EXPECT_EQ(queue_->ready_count(), 2U);
  EXPECT_EQ(host_.letters.size(), 2U);
  queue_->change_settings(std::make_shared<QueueSettings>(QueueSettings{.message_ttl_ms = 10}));
  EXPECT_EQ(queue_->ready_count(), 1U) << "c has expired";
  EXPECT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms + 10) << "d will";
  queue_->change_settings({queue_->shared_record(), &queue_->record().settings});
  host_.manual_clock.now_ms += 100;
  queue_->on_timer();
  EXPECT_EQ(queue_->ready_count(), 1U);
}

TEST_F(QueueTest, ANewExpiryBeginsWithItsPolicy) {
  make();
  host_.manual_clock.now_ms += 1000;
  queue_->change_settings(std::make_shared<QueueSettings>(QueueSettings{.expires_ms = 100}));
  EXPECT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms + 100);
  queue_->on_timer();
  EXPECT_FALSE(host_.ended);
  host_.manual_clock.now_ms += 100;
  queue_->on_timer();
  EXPECT_TRUE(host_.ended);
}

TEST_F(QueueTest, LowerConsumerPrioritiesWaitUntilHigherOnesAreAtTheirPrefetch) {
  make();
  consume(1, 0, false, 0);
  consume(2, 1, false, 10);
  publish("a");
  publish("b");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("2:a", "1:b"));
}

TEST_F(QueueTest, TheSingleActiveConsumerGetsAllAndTheNextTakesOver) {
  make({.single_active_consumer = true});
  consume(1);
  consume(2);
  publish("a");
  publish("b");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a", "1:b"));
  queue_->cancel_consumer(ConsumerId{1});
  publish("c");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("2:c"));
}

TEST_F(QueueTest, AnExclusiveConsumerIsRefusedBesideOthersAndRefusesThem) {
  make();
  ConsumerSpecification exclusive{.id = ConsumerId{9}, .exclusive = true};
  consume(1);
  auto error = queue_->check_consumer(exclusive);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->text, "queue 'q' in vhost '/' in exclusive use");
  queue_->cancel_consumer(ConsumerId{1});
  EXPECT_FALSE(queue_->check_consumer(exclusive));
  queue_->start_consumer(exclusive);
  EXPECT_TRUE(queue_->check_consumer({.id = ConsumerId{2}}));
}

TEST_F(QueueTest, AConnectionWithoutRoomGetsNothingMoreUntilItsOutputHasLeft) {
  make();
  consume(1, 0, true);
  host_.window.available_bytes = 1;
  publish("a");
  publish("b");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a"));
  host_.window.available_bytes = limits::output_window_bytes_max;
  ASSERT_EQ(host_.window.stalled.size(), 1U);
  host_.window.stalled.clear();
  queue_->window_opened(*queue_->consumers().all().front());
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:b"));
}

TEST_F(QueueTest, AChannelLimitedConsumerAsksForATokenAndGivesUnusedOnesBack) {
  make();
  ConsumerSpecification limited{.id = ConsumerId{1}, .channel_limited = true};
  queue_->start_consumer(limited);
  EXPECT_TRUE(host_.token_requests.empty()) << "nothing to deliver, nothing to ask for";
  publish("a");
  ASSERT_EQ(host_.token_requests.size(), 1U);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre());
  queue_->grant_tokens(ConsumerId{1}, 3);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a"));
  EXPECT_EQ(host_.returned_tokens, 2U);
}

TEST_F(QueueTest, PrioritiesGoFirstAndHigherOnesThanTheMaximumCountAsIt) {
  make({.max_priority = 5});
  publish("low");
  publish("nine", {.priority = 9});
  publish("five", {.priority = 5});
  consume(1);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:nine", "1:five", "1:low"));
}

TEST_F(QueueTest, AnExpiredMessageAtTheHeadIsDeadLetteredAndNeverDelivered) {
  make({.message_ttl_ms = 100});
  publish("old");
  host_.manual_clock.now_ms += 60;
  publish("young");
  host_.manual_clock.now_ms += 50;
  consume(1);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:young"));
  EXPECT_THAT(host_.letters, ElementsAre(std::pair{"old", DeadLetterReason::expired}));
}

TEST_F(QueueTest, TheTimerDropsWhatExpiresWithoutAnyConsumer) {
  make({.message_ttl_ms = 100});
  publish("a");
  EXPECT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms + 100);
  host_.manual_clock.now_ms += 100;
  queue_->on_timer();
  EXPECT_EQ(queue_->ready_count(), 0U);
}

TEST_F(QueueTest, AZeroTtlMessageReachesAWaitingConsumerOnly) {
  make({.message_ttl_ms = 0});
  publish("lost");
  EXPECT_EQ(queue_->ready_count(), 0U);
  consume(1);
  publish("kept");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:kept"));
}

TEST_F(QueueTest, MaxLengthDropsTheOldest) {
  make({.max_length = 2});
  for (const char* body : {"a", "b", "c"}) {
    EXPECT_EQ(publish(body), PublishAnswer::taken);
  }
  EXPECT_THAT(host_.letters, ElementsAre(std::pair{"a", DeadLetterReason::maxlen}));
  EXPECT_EQ(queue_->ready_count(), 2U);
}

TEST_F(QueueTest, RejectPublishRefusesTheNewest) {
  make({.max_length = 1, .overflow = QueueSettings::Overflow::reject_publish});
  EXPECT_EQ(publish("a"), PublishAnswer::taken);
  EXPECT_EQ(publish("b"), PublishAnswer::refused);
  EXPECT_TRUE(host_.letters.empty());
}

TEST_F(QueueTest, AnAutoDeleteQueueEndsWithItsLastConsumerButNotBefore) {
  make({}, true);
  EXPECT_FALSE(host_.ended);
  consume(1);
  consume(2);
  queue_->cancel_consumer(ConsumerId{1});
  EXPECT_FALSE(host_.ended);
  queue_->cancel_consumer(ConsumerId{2});
  EXPECT_TRUE(host_.ended);
}

TEST_F(QueueTest, GetTakesOneAndTellsWhatIsLeft) {
  make();
  publish("a");
  publish("b");
  queue_->get({nullptr, false, {}});
  ASSERT_EQ(host_.gets.size(), 1U);
  EXPECT_EQ(host_.gets[0].message->body(), "a");
  EXPECT_EQ(host_.gets[0].message_count, 1U);
  queue_->get({nullptr, true, {}});
  queue_->get({nullptr, true, {}});
  EXPECT_EQ(host_.gets[2].message, nullptr);
}

TEST_F(QueueTest, PurgeKeepsWhatIsUnacked) {
  make();
  publish("a");
  publish("b");
  consume(1, 1);
  EXPECT_EQ(queue_->purge(), 1U);
  EXPECT_EQ(queue_->unacked_count(), 1U);
  EXPECT_EQ(queue_->ready_count(), 0U);
}

TEST_F(QueueTest, TheDeliveryLimitDeadLettersInsteadOfReturning) {
  make({.delivery_limit = 1});
  publish("a");
  consume(1);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a"));
  settle(0, Settlement::requeue);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:a!"));
  settle(0, Settlement::requeue);
  EXPECT_THAT(host_.letters, ElementsAre(std::pair{"a", DeadLetterReason::delivery_limit}));
}

TEST_F(QueueTest, EndingCancelsTheConsumersAndTakesLaterPublishesSilently) {
  make();
  consume(1);
  queue_->end();
  EXPECT_THAT(host_.cancelled, ElementsAre(ConsumerId{1}));
  EXPECT_EQ(publish("late"), PublishAnswer::taken);
  EXPECT_TRUE(host_.deliveries.empty());
}

storage::QueueProgress one_stored_message() {
  storage::SubQueueProgress progress;
  progress.next_position = 1;
  progress.stored_count = 1;
  return {{progress}};
}

TEST_F(QueueTest, AfterARestartARetentionTimeIsKeptWithoutAnyTraffic) {
  Queue& queue = make({.message_ttl_ms = 5000});
  queue.restore(one_stored_message(), true);
  ASSERT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms) << "its head has to be read first";
  queue.on_timer();
  ASSERT_EQ(host_.read_generations.size(), 1U);
  const std::int64_t published_ms = host_.manual_clock.now_ms - 2000;
  auto message = Message::create("", "q", {"\0\0", 2}, 0, {.published_ms = published_ms});
  queue.rows_read(0, host_.read_generations[0], {{0, false, std::move(message)}},
                  {.covered_below = 1});
  EXPECT_EQ(host_.timer_at_ms, published_ms + 5000);
  host_.manual_clock.now_ms = published_ms + 5000;
  queue.on_timer();
  EXPECT_EQ(host_.letters.size(), 1U);
  EXPECT_EQ(queue.ready_count(), 0U);
}

TEST_F(QueueTest, AfterARestartAQueueWithoutExpiringMessagesReadsNothing) {
  Queue& queue = make();
  queue.restore(one_stored_message(), true);
  EXPECT_EQ(host_.timer_at_ms, 0);
}

TEST_F(QueueTest, AnExpiringMessageThatBecomesTheHeadExpiresInTime) {
  make();
  publish("stays");
  publish("expires", {.has_expiration = true, .expiration_ms = 100});
  consume(1, 1);
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:stays"));
  EXPECT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms + 100);
}

TEST_F(QueueTest, AReadFaultIsAnErrorForGetsAndIsTriedAgainLater) {
  Queue& queue = make();
  queue.restore(one_stored_message(), true);
  queue.get({.queue = queue.shared_record()});
  ASSERT_EQ(host_.read_generations.size(), 1U);
  queue.rows_read(0, host_.read_generations[0], {}, {.failed = true, .error = "bad block"});
  EXPECT_THAT(host_.faults, ElementsAre("bad block"));
  ASSERT_EQ(host_.gets.size(), 1U);
  EXPECT_EQ(host_.gets[0].error->code, amqp::ReplyCode::internal_error);
  EXPECT_EQ(host_.read_generations.size(), 1U) << "not in a loop";
  host_.manual_clock.now_ms = host_.timer_at_ms;
  queue.on_timer();
  EXPECT_EQ(host_.read_generations.size(), 2U);
  EXPECT_EQ(queue.ready_count(), 1U);
}

TEST_F(QueueTest, DeliveryCountsOutlastARestart) {
  QueueSettings settings;
  settings.delivery_limit = 1;
  Queue& queue = make(settings);
  storage::QueueProgress progress = one_stored_message();
  progress.sub_queues[0].returned = {{{0, 1}, 1}};
  progress.sub_queues[0].had_consumer = true;
  queue.restore(progress, true);
  consume(1);
  queue.rows_read(0, host_.read_generations.at(0),
                  {{0, false, Message::create("", "q", {"\0\0", 2}, 0, {})}}, {.covered_below = 1});
  ASSERT_EQ(host_.take_deliveries().size(), 1U);
  EXPECT_EQ(host_.settled_view[0].delivery_count, 1U);
  settle(0, Settlement::requeue);
  EXPECT_THAT(host_.letters, ElementsAre(std::pair("", DeadLetterReason::delivery_limit)));
}

TEST_F(QueueTest, PastTheLimitOfAllQueuesMessagesGoToTheDisk) {
  host_.queue_memory.limit_bytes = 10'000;
  make();
  publish(std::string(4'000, 'a'));
  EXPECT_TRUE(host_.rows.empty());
  host_.queue_memory.used_bytes += 10'000;  // of other queues
  publish("b");
  EXPECT_EQ(host_.rows.size(), 1U);
  host_.queue_memory.used_bytes -= 10'000;
  queue_->row_finished(host_.rows[0].place, true);
  host_.rows.clear();
}

TEST_F(QueueTest, MemoryOfAQueueIsGivenBackWithIt) {
  make();
  publish("a");
  publish("b");
  consume(1, 1);
  EXPECT_GT(host_.queue_memory.used_bytes, 0U);
  EXPECT_GT(host_.queue_memory.unacked_bytes, 0U);
  queue_.reset();
  EXPECT_EQ(host_.queue_memory.used_bytes, 0U);
  EXPECT_EQ(host_.queue_memory.unacked_bytes, 0U);
}

TEST_F(QueueTest, TooManyUnackedBytesStopDeliveriesUntilSomeAreAcked) {
  host_.queue_memory.unacked_limit_bytes = 2;
  make();
  consume(1);
  publish("aa");
  publish("b");
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:aa"));
  EXPECT_EQ(host_.waits_for_acks, 1);
  settle(0, Settlement::ack);
  queue_->resume();
  EXPECT_THAT(host_.take_deliveries(), ElementsAre("1:b"));
}

/// A channel on the queue's shard answers while it is asked.
TEST_F(QueueTest, TokensAreNotPassedToAndFroWhileAcksAreWaitedFor) {
  host_.queue_memory.unacked_limit_bytes = 1;
  make();
  for (const std::uint64_t id : {1, 2}) {
    ConsumerSpecification specification;
    specification.id = ConsumerId{id};
    specification.channel = {ConnectionId{1}, 1};
    specification.channel_limited = true;
    queue_->start_consumer(specification);
  }
  std::uint32_t free = 1;
  std::vector<ConsumerId> waiting;
  const auto grant_waiting = [&] {
    while (free > 0 && !waiting.empty()) {
      --free;
      const ConsumerId next = waiting.front();
      waiting.erase(waiting.begin());
      queue_->grant_tokens(next, 1);
    }
  };
  host_.on_token_request = [&](const TokenRequest& request) {
    waiting.push_back(request.consumer);
    grant_waiting();
  };
  host_.on_tokens_returned = [&](const TokenReturn& tokens) {
    free += tokens.count;
    grant_waiting();
  };
  publish("aa");
  EXPECT_EQ(host_.take_deliveries().size(), 1U);
  free = 1;  // The channel's limit would allow another one.
  publish("b");
  EXPECT_TRUE(host_.take_deliveries().empty());
  EXPECT_EQ(host_.waits_for_acks, 1);
  EXPECT_LT(host_.token_requests.size(), 10U);
}

}  // namespace
}  // namespace lepus::model
