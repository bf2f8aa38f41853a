#include "broker/model/router.h"

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RouterTest : public TopologyFixture {
 protected:
  RouterTest() {
    for (const char* name : {"q1", "q2", "q3"}) {
      make_queue(name);
    }
  }
};

amqp::FieldTable copies(std::string_view header, std::initializer_list<amqp::FieldValue> keys) {
  return {{std::string{header}, amqp::FieldArray{keys}}};
}

TEST_F(RouterTest, TheDefaultExchangeLeadsToTheQueueOfThatName) {
  EXPECT_THAT(routed("", "q2"), ElementsAre("q2"));
  EXPECT_THAT(routed("", "none"), IsEmpty());
}

TEST_F(RouterTest, AMissingExchangeGivesNone) {
  EXPECT_EQ(topology_->route("/", "none", "k", nullptr).exchange, nullptr);
  EXPECT_EQ(topology_->route("none", "", "q1", nullptr).exchange, nullptr);
}

TEST_F(RouterTest, DirectComparesTheKeys) {
  bind("amq.direct", "q1", "a");
  bind("amq.direct", "q2", "b");
  bind("amq.direct", "q3", "a");
  EXPECT_THAT(routed("amq.direct", "a"), ElementsAre("q1", "q3"));
  EXPECT_THAT(routed("amq.direct", "A"), IsEmpty());
}

TEST_F(RouterTest, FanoutTakesEveryKey) {
  bind("amq.fanout", "q1", "a");
  bind("amq.fanout", "q2", "");
  EXPECT_THAT(routed("amq.fanout", "whatever"), ElementsAre("q1", "q2"));
}

TEST_F(RouterTest, HeadersComparesTheHeaders) {
  bind("amq.headers", "q1", "", {{"n", std::int32_t{1}}});
  bind("amq.headers", "q2", "", {{"x-match", "any"}, {"n", std::int32_t{1}}, {"m", "a"}});
  EXPECT_THAT(routed("amq.headers", "", {{"n", std::int64_t{1}}}), ElementsAre("q1", "q2"));
  EXPECT_THAT(routed("amq.headers", "", {{"m", "a"}}), ElementsAre("q2"));
  EXPECT_THAT(routed("amq.headers", ""), IsEmpty());
}

TEST_F(RouterTest, AQueueIsThereOnceHoweverManyBindingsMatch) {
  bind("amq.topic", "q1", "a.*");
  bind("amq.topic", "q1", "a.#");
  bind("amq.topic", "q1", "#");
  bind_exchange("amq.topic", "amq.fanout", "#");
  bind("amq.fanout", "q1", "");
  EXPECT_THAT(routed("amq.topic", "a.b"), ElementsAre("q1"));
}

TEST_F(RouterTest, CopiesGoToTheKeysOfCcAndBcc) {
  EXPECT_THAT(routed("", "q1", copies("CC", {"q2", "none"})), ElementsAre("q1", "q2"));
  EXPECT_THAT(routed("", "q1", copies("BCC", {"q3", "q1"})), ElementsAre("q1", "q3"));
  EXPECT_THAT(routed("", "none", copies("CC", {"q2"})), ElementsAre("q2"));
  bind("amq.direct", "q1", "a");
  bind("amq.direct", "q2", "b");
  EXPECT_THAT(routed("amq.direct", "a", copies("CC", {"b"})), ElementsAre("q1", "q2"));
}

TEST_F(RouterTest, OnlyLongStringsInAnArrayAreCopies) {
  EXPECT_THAT(routed("", "q1", copies("CC", {std::int32_t{1}, "q2"})), ElementsAre("q1", "q2"));
  EXPECT_THAT(routed("", "q1", {{"CC", "q2"}}), ElementsAre("q1"));
}

TEST_F(RouterTest, ExchangesLeadToExchangesByTheirBindings) {
  declare_exchange("x", "topic");
  declare_exchange("y", "direct");
  bind_exchange("x", "y", "a.#");
  bind("y", "q1", "a.b");
  bind("x", "q2", "#");
  EXPECT_THAT(routed("x", "a.b"), ElementsAre("q1", "q2"));
  EXPECT_THAT(routed("x", "a.c"), ElementsAre("q2"));
  EXPECT_THAT(routed("x", "b"), ElementsAre("q2"));
}

TEST_F(RouterTest, CyclesEnd) {
  declare_exchange("x", "fanout");
  declare_exchange("y", "fanout");
  bind_exchange("x", "y", "");
  bind_exchange("y", "x", "");
  bind_exchange("x", "x", "");
  bind("y", "q1", "");
  EXPECT_THAT(routed("x", ""), ElementsAre("q1"));
  EXPECT_THAT(routed("y", ""), ElementsAre("q1"));
}

TEST_F(RouterTest, TheAlternateTakesWhatMatchesNothing) {
  declare_exchange("x", "direct",
                   {.durable = true, .arguments = {{"alternate-exchange", "amq.fanout"}}});
  bind("x", "q1", "a");
  bind("amq.fanout", "q2", "");
  EXPECT_THAT(routed("x", "a"), ElementsAre("q1"));
  EXPECT_THAT(routed("x", "b"), ElementsAre("q2"));
}

TEST_F(RouterTest, AlternatesFollowOneAnotherAndMayGoInACircle) {
  declare_exchange("x", "direct", {.arguments = {{"alternate-exchange", "y"}}});
  declare_exchange("y", "direct", {.arguments = {{"alternate-exchange", "z"}}});
  declare_exchange("z", "direct", {.arguments = {{"alternate-exchange", "x"}}});
  EXPECT_THAT(routed("x", "k"), IsEmpty());
  bind("z", "q3", "k");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q3"));
}

TEST_F(RouterTest, AnExchangeBehindABindingHasItsAlternateToo) {
  declare_exchange("x", "fanout");
  declare_exchange("y", "direct", {.arguments = {{"alternate-exchange", "amq.fanout"}}});
  bind_exchange("x", "y", "");
  bind("x", "q1", "");
  bind("amq.fanout", "q2", "");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q1", "q2"));
}

TEST_F(RouterTest, AMissingAlternateIsNoRoute) {
  declare_exchange("x", "direct", {.arguments = {{"alternate-exchange", "none"}}});
  EXPECT_THAT(routed("x", "k"), IsEmpty());
  EXPECT_NE(topology_->route("/", "x", "k", nullptr).exchange, nullptr);
}

TEST_F(RouterTest, SaysWhatMayBeRemembered) {
  bind("amq.direct", "q1", "a");
  bind_exchange("amq.direct", "amq.headers", "h");
  declare_exchange("x", "direct", {.arguments = {{"alternate-exchange", ""}}});
  const auto cacheable = [&](std::string_view exchange, std::string_view key,
                             const amqp::FieldTable& headers = {}) {
    const std::string bytes = headers.encode();
    const amqp::BasicProperties properties = properties_with(bytes);
    return topology_->route("/", exchange, key, &properties).cacheable;
  };
  EXPECT_TRUE(cacheable("amq.direct", "a"));
  EXPECT_TRUE(cacheable("amq.direct", "none"));
  EXPECT_TRUE(cacheable("amq.direct", "a", {{"other", "b"}}));
  EXPECT_FALSE(cacheable("amq.direct", "a", copies("CC", {"b"})));
  EXPECT_FALSE(cacheable("amq.direct", "h"));
  EXPECT_TRUE(cacheable("", "q1"));
  EXPECT_FALSE(cacheable("", "none"));
}

TEST_F(RouterTest, HeadersThatAreNoTableCountAsNone) {
  EXPECT_THAT(routed("", "q1", properties_with("\xFFgarbage")), ElementsAre("q1"));
}

TEST_F(RouterTest, ManyQueuesOnOneKeyAreUnboundOneByOne) {
  constexpr int count = 2000;
  for (int i = 0; i < count; ++i) {
    const std::string name = "many" + std::to_string(i);
    make_queue(name, {.durable = false});
    bind("amq.direct", name, "k");
    bind("amq.topic", name, "a.#");
  }
  EXPECT_EQ(routed("amq.direct", "k").size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; i += 2) {
    topology_->remove_queue(*topology_->find_queue("/", "many" + std::to_string(i)));
  }
  EXPECT_EQ(routed("amq.direct", "k").size(), static_cast<std::size_t>(count / 2));
  EXPECT_EQ(routed("amq.topic", "a.b").size(), static_cast<std::size_t>(count / 2));
}

}  // namespace
}  // namespace lepus::model
