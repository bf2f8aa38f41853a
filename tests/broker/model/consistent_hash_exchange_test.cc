#include "broker/model/consistent_hash_exchange.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Shares = std::map<std::string, int>;
using Places = std::map<std::string, std::string>;

std::string key_of(int number) {
  return "customer." + std::to_string(number);
}

class ConsistentHashTest : public TopologyFixture {
 protected:
  ConsistentHashTest() {
    for (const char* name : {"q1", "q2", "q3", "q4"}) {
      make_queue(name);
    }
  }

  std::string declare(std::string_view name, amqp::FieldTable arguments = {}) {
    return outcome_of(declare_exchange(name, "x-consistent-hash",
                                       {.durable = true, .arguments = std::move(arguments)}));
  }

  std::string bound(std::string_view source, std::string_view queue, std::string_view weight) {
    return outcome_of(bind(source, queue, weight));
  }

  /// The queue of each of so many keys.
  Places places(std::string_view exchange, int keys = 2000) {
    Places places;
    for (int i = 0; i < keys; ++i) {
      const std::vector<std::string> queues = routed(exchange, key_of(i));
      EXPECT_THAT(queues, SizeIs(1)) << key_of(i);
      places[key_of(i)] = queues.empty() ? "" : queues.front();
    }
    return places;
  }

  static Shares shares_of(const Places& places) {
    Shares shares;
    for (const auto& [key, queue] : places) {
      ++shares[queue];
    }
    return shares;
  }
};

TEST_F(ConsistentHashTest, AKeyHasOneQueueAndKeepsIt) {
  ASSERT_EQ(declare("x"), "ok");
  bind("x", "q1", "1");
  bind("x", "q2", "1");
  bind("x", "q3", "1");
  EXPECT_EQ(places("x"), places("x"));
}

TEST_F(ConsistentHashTest, EqualWeightsHaveEqualShares) {
  declare("x");
  for (const char* queue : {"q1", "q2", "q3", "q4"}) {
    ASSERT_EQ(bound("x", queue, "10"), "ok");
  }
  for (const auto& [queue, count] : shares_of(places("x", 20'000))) {
    EXPECT_NEAR(count, 5000, 150) << queue;
  }
}

TEST_F(ConsistentHashTest, AShareIsAsLargeAsItsWeight) {
  declare("x");
  bind("x", "q1", "1");
  bind("x", "q2", "3");
  bind("x", "q3", "6");
  Shares shares = shares_of(places("x", 20'000));
  EXPECT_NEAR(shares["q1"], 2000, 150);
  EXPECT_NEAR(shares["q2"], 6000, 200);
  EXPECT_NEAR(shares["q3"], 12000, 200);
}

TEST_F(ConsistentHashTest, WhenAQueueGoesOnlyItsKeysMove) {
  declare("x");
  bind("x", "q1", "1");
  bind("x", "q2", "1");
  bind("x", "q3", "2");  // Without it all weights are equal, which is another way to the same.
  bind("x", "q4", "1");
  const Places before = places("x");
  for (const char* gone : {"q4", "q3"}) {
    topology_->remove_queue(*topology_->find_queue("/", gone));
  }
  Shares moved_to;
  for (const auto& [key, queue] : places("x")) {
    if (before.at(key) == "q3" || before.at(key) == "q4") {
      ++moved_to[queue];
    } else {
      EXPECT_EQ(queue, before.at(key)) << key;
    }
  }
  EXPECT_NEAR(moved_to["q1"], 600, 80);
  EXPECT_NEAR(moved_to["q2"], 600, 80);
}

TEST_F(ConsistentHashTest, ANewQueueTakesItsShareAndNothingElseMoves) {
  declare("x");
  bind("x", "q1", "2");
  bind("x", "q2", "2");
  const Places before = places("x");
  bind("x", "q3", "4");
  int taken = 0;
  for (const auto& [key, queue] : places("x")) {
    if (queue == "q3") {
      ++taken;
    } else {
      EXPECT_EQ(queue, before.at(key)) << key;
    }
  }
  EXPECT_NEAR(taken, 1000, 80);
}

TEST_F(ConsistentHashTest, NeitherTheOrderOfBindingsNorARestartMovesAKey) {
  declare("x");
  declare("y");
  for (const char* queue : {"q1", "q2", "q3"}) {
    bind("x", queue, "2");
  }
  bind("x", "q4", "3");
  bind("y", "q4", "3");
  for (const char* queue : {"q3", "q2", "q1"}) {
    bind("y", queue, "2");
  }
  const Places before = places("x");
  EXPECT_EQ(places("y"), before);
  restart();
  EXPECT_EQ(topology_->find_exchange("/", "x")->type(), ExchangeType::consistent_hash);
  EXPECT_EQ(places("x"), before);
}

// Users keep state by what a queue gets: these may not change from release to release.
TEST_F(ConsistentHashTest, KeysHaveTheQueuesThatTheyAlwaysHad) {
  declare("equal");
  declare("weighted");
  for (const char* queue : {"q1", "q2", "q3", "q4"}) {
    bind("equal", queue, "1");
    bind("weighted", queue, queue == std::string_view{"q1"} ? "5" : "1");
  }
  const auto first = [&](std::string_view exchange) {
    std::string queues;
    for (int i = 0; i < 12; ++i) {
      queues += routed(exchange, key_of(i)).at(0).substr(1);
    }
    return queues;
  };
  EXPECT_EQ(first("equal"), "321244423144");
  EXPECT_EQ(first("weighted"), "321211411141");
}

TEST_F(ConsistentHashTest, AQueueThatIsBoundTwiceCountsOnceWithItsFirstWeight) {
  declare("x");
  declare("y");
  bind("x", "q1", "1");
  bind("x", "q2", "1");
  bind("y", "q1", "1");
  bind("y", "q2", "1");
  ASSERT_EQ(bound("x", "q1", "9"), "ok");
  EXPECT_EQ(places("x"), places("y"));
  // The second one is still there when the first goes.
  topology_->unbind(*guest_, to_queue("x", "q1", "1"), here);
  EXPECT_NEAR(shares_of(places("x"))["q1"], 1800, 80);
  topology_->unbind(*guest_, to_queue("x", "q1", "9"), here);
  EXPECT_EQ(shares_of(places("x"))["q2"], 2000);
}

TEST_F(ConsistentHashTest, CarbonCopiesDoNotCount) {
  declare("x");
  bind("x", "q1", "1");
  bind("x", "q2", "1");
  const amqp::FieldTable copies{{"CC", amqp::FieldArray{"1", "2", "3", "4"}}};
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(routed("x", key_of(i), copies), routed("x", key_of(i)));
  }
}

TEST_F(ConsistentHashTest, AHeaderIsHashedInsteadOfTheKey) {
  ASSERT_EQ(declare("x", {{"hash-header", "customer"}}), "ok");
  declare("by key");
  for (const char* queue : {"q1", "q2", "q3", "q4"}) {
    bind("x", queue, "1");
    bind("by key", queue, "1");
  }
  Shares shares;
  for (int i = 0; i < 400; ++i) {
    const amqp::FieldTable headers{{"customer", key_of(i)}, {"other", i}};
    const std::vector<std::string> queues = routed("x", std::to_string(i), headers);
    ASSERT_THAT(queues, SizeIs(1));
    ++shares[queues.front()];
    // A text is hashed alike, wherever it stands.
    EXPECT_EQ(queues, routed("by key", key_of(i)));
  }
  EXPECT_THAT(shares, SizeIs(4));
}

TEST_F(ConsistentHashTest, HeadersOfOtherTypesAreHashedByTheirValues) {
  declare("x", {{"hash-header", "n"}});
  for (const char* queue : {"q1", "q2", "q3", "q4"}) {
    bind("x", queue, "1");
  }
  Shares integers;
  Shares doubles;
  for (int i = 0; i < 200; ++i) {
    const std::vector<std::string> queues = routed("x", "", {{"n", std::int32_t{i}}});
    ++integers[queues.at(0)];
    EXPECT_EQ(queues, routed("x", "", {{"n", std::int64_t{i}}})) << i;
    ++doubles[routed("x", "", {{"n", i + 0.5}}).at(0)];
  }
  EXPECT_THAT(integers, SizeIs(4));
  EXPECT_THAT(doubles, SizeIs(4));
}

TEST_F(ConsistentHashTest, MessagesWithoutTheHeaderAllGoTheSameWay) {
  declare("x", {{"hash-header", "customer"}});
  bind("x", "q1", "1");
  bind("x", "q2", "1");
  const std::vector<std::string> queues = routed("x", "a");
  EXPECT_THAT(queues, SizeIs(1));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(routed("x", key_of(i), {{"other", i}}), queues);
  }
}

TEST_F(ConsistentHashTest, PropertiesAreHashedInsteadOfTheKey) {
  for (const char* property : {"message_id", "correlation_id", "timestamp"}) {
    ASSERT_EQ(declare(property, {{"hash-property", property}}), "ok");
    for (const char* queue : {"q1", "q2", "q3", "q4"}) {
      bind(property, queue, "1");
    }
  }
  std::map<std::string, Shares> shares;
  for (int i = 0; i < 400; ++i) {
    const std::string text = std::to_string(i);
    const auto message_id = routed("message_id", text, {.message_id = text});
    const auto correlation_id = routed("correlation_id", "k", {.correlation_id = text});
    ++shares["message_id"][message_id.at(0)];
    ++shares["correlation_id"][correlation_id.at(0)];
    EXPECT_EQ(message_id, correlation_id);
    const amqp::BasicProperties timed{.timestamp = static_cast<std::uint64_t>(i)};
    EXPECT_EQ(routed("timestamp", text, timed), message_id);
    // Without the property, all alike.
    EXPECT_EQ(routed("message_id", text, timed), routed("correlation_id", "", timed));
  }
  EXPECT_THAT(shares["message_id"], SizeIs(4));
  EXPECT_THAT(shares["correlation_id"], SizeIs(4));
}

TEST_F(ConsistentHashTest, ArgumentsAreCheckedWhenItIsMade) {
  EXPECT_EQ(declare("x", {{"hash-header", "a"}, {"hash-property", "message_id"}}),
            "406 hash-header and hash-property are mutually exclusive");
  EXPECT_EQ(declare("x", {{"hash-property", "app_id"}}), "406 Unsupported property: app_id");
  EXPECT_EQ(declare("x", {{"hash-header", std::int32_t{5}}}),
            "406 invalid type 'signedint' for arg 'hash-header' in exchange 'x' in vhost '/'");
  EXPECT_EQ(topology_->find_exchange("/", "x"), nullptr);
  ASSERT_EQ(declare("x", {{"hash-header", "a"}}), "ok");
  // As everywhere, but for alternate-exchange they are not compared.
  EXPECT_EQ(declare("x", {{"hash-header", "b"}}), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("x", "direct")),
            "406 inequivalent arg 'type' for exchange 'x' in vhost '/': received 'direct' but "
            "current is 'x-consistent-hash'");
  // Other types take any.
  EXPECT_EQ(outcome_of(declare_exchange(
                "y", "direct", {.durable = true, .arguments = {{"hash-property", "app_id"}}})),
            "ok");
}

TEST_F(ConsistentHashTest, BindingKeysAreWeights) {
  declare("x");
  EXPECT_EQ(bound("x", "q1", "abc"), "406 The binding key must be an integer: <<\"abc\">>");
  EXPECT_EQ(bound("x", "q1", ""), "406 The binding key must be an integer: <<>>");
  EXPECT_EQ(bound("x", "q1", " 1"), "406 The binding key must be an integer: <<\" 1\">>");
  EXPECT_EQ(bound("x", "q1", "1.5"), "406 The binding key must be an integer: <<\"1.5\">>");
  EXPECT_EQ(bound("x", "q1", "+-1"), "406 The binding key must be an integer: <<\"+-1\">>");
  EXPECT_EQ(bound("x", "q1", "0"), "406 The binding key must be greater than 0");
  EXPECT_EQ(bound("x", "q1", "-3"), "406 The binding key must be greater than 0");
  EXPECT_THAT(topology_->list_bindings_from("/", "x"), IsEmpty());
  EXPECT_EQ(bound("x", "q1", "+3"), "ok");
  EXPECT_EQ(bound("x", "q2", "99999999999999999999999999"), "ok");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q2"));
}

TEST_F(ConsistentHashTest, ADestinationMayBeAnExchange) {
  declare("x");
  declare("y");
  declare_exchange("all", "fanout");
  bind("all", "q1", "");
  bind("all", "q2", "");
  bind("y", "q3", "1");
  bind("y", "q4", "1");
  ASSERT_EQ(outcome_of(bind_exchange("x", "all", "1")), "ok");
  ASSERT_EQ(outcome_of(bind_exchange("x", "y", "1")), "ok");
  std::map<std::vector<std::string>, int> shares;
  for (int i = 0; i < 2000; ++i) {
    ++shares[routed("x", key_of(i))];
  }
  EXPECT_THAT(shares, SizeIs(3));
  EXPECT_NEAR((shares[{"q1", "q2"}]), 1000, 80);
  EXPECT_NEAR((shares[{"q3"}]), 500, 80);
  EXPECT_NEAR((shares[{"q4"}]), 500, 80);
}

TEST_F(ConsistentHashTest, WithoutBindingsTheAlternateTakesAll) {
  declare("x", {{"alternate-exchange", "amq.fanout"}});
  bind("amq.fanout", "q1", "");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q1"));
  bind("x", "q2", "1");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q2"));
}

TEST_F(ConsistentHashTest, OnlyRoutesByTheKeyMayBeKept) {
  declare("key");
  declare("header", {{"hash-header", "h"}});
  declare("property", {{"hash-property", "timestamp"}});
  for (const char* exchange : {"key", "header", "property"}) {
    bind(exchange, "q1", "1");
    bind_exchange("amq.direct", exchange, exchange);
  }
  EXPECT_TRUE(topology_->route("/", "key", "k", nullptr).cacheable);
  EXPECT_TRUE(topology_->route("/", "amq.direct", "key", nullptr).cacheable);
  const amqp::BasicProperties properties;
  for (const char* name : {"header", "property"}) {
    for (const auto& [exchange, key] : {std::pair{name, "k"}, std::pair{"amq.direct", name}}) {
      const Route by_key = topology_->route("/", exchange, key, nullptr);
      EXPECT_TRUE(by_key.needs_properties) << exchange;
      EXPECT_FALSE(by_key.cacheable) << exchange;
      EXPECT_THAT(by_key.queues, IsEmpty()) << exchange;
      const Route found = topology_->route("/", exchange, key, &properties);
      EXPECT_FALSE(found.cacheable) << exchange;
      EXPECT_THAT(names_in(found), ElementsAre("q1")) << exchange;
    }
  }
}

}  // namespace
}  // namespace lepus::model
