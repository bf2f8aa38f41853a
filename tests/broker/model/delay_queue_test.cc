#include "broker/model/delay_queue.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "amqp/basic_properties.h"
#include "broker/base/limits.h"
#include "tests/broker/model/fake_queue_host.h"

namespace lepus::model {
namespace {

using testing::ElementsAre;

class DelayQueueTest : public testing::Test {
 protected:
  DelayQueue& make(std::uint32_t sequences = DelayedMessages::sequences_max) {
    auto record = std::make_shared<QueueRecord>();
    record->id = QueueId{1};
    record->vhost = "/";
    record->name = "x";
    record->durable = true;
    record->delays = true;
    queue_ = std::make_unique<DelayQueue>(std::move(record), host_, sequences);
    return *queue_;
  }

  PublishAnswer publish(std::string_view body, std::int64_t delay_ms) {
    const std::string headers = amqp::FieldTable{{"x-delay", delay_ms}}.encode();
    const std::string properties =
        amqp::encode_properties({.headers = amqp::FieldTableView{headers}});
    auto message = Message::create("x", "key", properties, body.size(), {});
    message->append_body(body);
    return queue_->publish(std::move(message), {});
  }

  /// What is due now, settled at once; its row is not written then.
  std::vector<std::string> take_due() {
    std::vector<std::string> bodies;
    while (const auto due = queue_->take_due()) {
      bodies.emplace_back(due->message->body());
      queue_->settle({&due->place, 1});
    }
    elide_settled();
    queue_->check_invariants();
    return bodies;
  }

  void elide_settled() {
    std::erase_if(host_.rows, [this](const PendingRow& row) {
      return queue_->is_settled(row.place) && !queue_->seal_row(row);
    });
  }

  void TearDown() override {
    if (queue_ != nullptr) {
      queue_->end();
      elide_settled();
    }
  }

  FakeHost host_;
  std::unique_ptr<DelayQueue> queue_;
};

TEST_F(DelayQueueTest, WhatIsDueComesByItsTime) {
  make();
  EXPECT_EQ(publish("b", 200), PublishAnswer::later);
  publish("a", 100);
  publish("c", 300);
  EXPECT_EQ(queue_->record().delayed_count, 3U);
  EXPECT_EQ(host_.timer_at_ms, host_.manual_clock.now_ms + 100);
  EXPECT_THAT(take_due(), ElementsAre());
  host_.manual_clock.now_ms += 250;
  EXPECT_THAT(take_due(), ElementsAre("a", "b"));
  host_.manual_clock.now_ms += 50;
  EXPECT_THAT(take_due(), ElementsAre("c"));
  EXPECT_EQ(queue_->record().delayed_count, 0U);
}

TEST_F(DelayQueueTest, WhatIsDueAsksTheShardForTheReleaseAndNoTimer) {
  make();
  publish("a", 100);
  host_.manual_clock.now_ms += 100;
  queue_->on_timer();
  EXPECT_EQ(host_.releases, 1);
  EXPECT_EQ(queue_->timer_at_ms(), 0) << "a timer that is due already would come again and again";
  publish("b", 50);
  EXPECT_EQ(host_.releases, 2) << "it is still here";
}

TEST_F(DelayQueueTest, OnlySoManyBytesAreOnTheirWay) {
  make();
  const std::string body(std::size_t{1} << 20U, 'x');
  for (int count = 0; count < 7; ++count) {
    publish(body, 100);
  }
  host_.manual_clock.now_ms += 100;
  std::vector<MessagePlace> places;
  while (const auto due = queue_->take_due()) {
    places.push_back(due->place);
  }
  EXPECT_EQ(places.size(), limits::delayed_on_their_way_bytes_max >> 20U);
  EXPECT_GE(host_.queue_memory.used_bytes, places.size() << 20U) << "they count as memory";
  queue_->settle(places);
  EXPECT_EQ(take_due().size(), 3U);
  EXPECT_EQ(host_.queue_memory.used_bytes, 0U);
}

TEST_F(DelayQueueTest, NothingIsReadThatIsNotDueSoon) {
  make();
  const std::string body(std::size_t{1} << 20U, 'x');
  for (int count = 0; count < 10; ++count) {
    publish(body, 100'000);
  }
  EXPECT_LT(host_.queue_memory.used_bytes, limits::queue_window_bytes_max + body.size() * 12);
  queue_->page_out();
  queue_->schedule();
  EXPECT_TRUE(host_.read_generations.empty());
}

TEST_F(DelayQueueTest, OnlySoManyAreOnTheirWay) {
  make();
  for (std::size_t count = 0; count <= limits::delayed_on_their_way_max; ++count) {
    publish("a", 100);
  }
  host_.manual_clock.now_ms += 100;
  std::vector<MessagePlace> places;
  while (const auto due = queue_->take_due()) {
    places.push_back(due->place);
  }
  EXPECT_EQ(places.size(), limits::delayed_on_their_way_max);
  queue_->on_timer();
  EXPECT_EQ(host_.releases, 0) << "the settlement wakes it";
  queue_->settle(places);
  EXPECT_EQ(host_.releases, 1);
  EXPECT_THAT(take_due(), ElementsAre("a"));
}

TEST_F(DelayQueueTest, LapsAreReleasedTogetherByTime) {
  make(2);
  publish("e", 500);
  publish("c", 300);
  publish("a", 100);
  publish("d", 400);
  publish("b", 200);
  std::vector<Priority> laps;
  laps.reserve(host_.rows.size());
  for (const PendingRow& row : host_.rows) {
    laps.push_back(row.place.priority);
  }
  EXPECT_THAT(laps, ElementsAre(0, 0, 1, 1, 2));
  host_.manual_clock.now_ms += 500;
  EXPECT_THAT(take_due(), ElementsAre("a", "b", "c", "d", "e"));
  publish("f", 100);
  publish("g", 100);
  EXPECT_EQ(host_.rows.back().place.priority, 0) << "an empty lap is begun anew";
}

TEST_F(DelayQueueTest, WithoutANumberLeftAPublishIsRefused) {
  make(1);
  for (int count = 0; count <= UINT8_MAX; ++count) {
    EXPECT_EQ(publish("a", 100), PublishAnswer::later);
  }
  EXPECT_EQ(publish("b", 100), PublishAnswer::refused);
  host_.manual_clock.now_ms += 100;
  EXPECT_EQ(take_due().size(), 256U);
  EXPECT_EQ(publish("b", 100), PublishAnswer::later);
}

TEST_F(DelayQueueTest, TimeNeverBeginsBeforeWhatWasReleased) {
  make();
  storage::SubQueueProgress progress;
  const std::int64_t released_ms = host_.manual_clock.now_ms + 5000;
  progress.floor = DelayedMessages::position_at(released_ms, 7);
  progress.next_position = DelayedMessages::next_position(released_ms, 8);
  queue_->restore({{progress}}, true);
  publish("a", 100);
  host_.manual_clock.now_ms += 99;
  EXPECT_THAT(take_due(), ElementsAre()) << "the wall clock has gone back, the delay is as long";
  host_.manual_clock.now_ms += 2;
  EXPECT_THAT(take_due(), ElementsAre("a"));
}

}  // namespace
}  // namespace lepus::model
