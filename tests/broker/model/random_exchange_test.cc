#include "broker/model/random_exchange.h"

#include <map>
#include <string>

#include <gmock/gmock.h>

#include "broker/model/route_cache.h"
#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RandomExchangeTest : public TopologyFixture {
 protected:
  RandomExchangeTest() {
    for (const char* name : {"q1", "q2", "q3", "q4"}) {
      make_queue(name);
    }
  }

  /// As a channel asks: by the key, then with the properties if they are needed.
  std::vector<std::string> published(std::string_view exchange, std::string_view key) {
    const Route& found = cache_.route("/", exchange, key, nullptr);
    return names_in(found.needs_properties ? cache_.route("/", exchange, key, &properties_)
                                           : found);
  }

  std::map<std::string, int> shares(std::string_view exchange, std::string_view key, int messages) {
    std::map<std::string, int> shares;
    for (int i = 0; i < messages; ++i) {
      const std::vector<std::string> queues = published(exchange, key);
      EXPECT_THAT(queues, SizeIs(1));
      ++shares[queues.empty() ? "" : queues.front()];
    }
    return shares;
  }

  const amqp::BasicProperties properties_;
  RouteCache cache_{*topology_, 64};
};

TEST_F(RandomExchangeTest, OneBindingByChanceEachAsLikelyAsTheOthers) {
  for (const char* type : {"x-random", "x-local-random"}) {
    ASSERT_EQ(outcome_of(declare_exchange(type, type)), "ok");
    for (const char* queue : {"q1", "q2", "q3", "q4"}) {
      ASSERT_EQ(outcome_of(bind(type, queue, "")), "ok");
    }
    for (const auto& [queue, count] : shares(type, "k", 8000)) {
      EXPECT_NEAR(count, 2000, 150) << type << " " << queue;
    }
  }
}

TEST_F(RandomExchangeTest, AChoiceTellsNothingOfTheNext) {
  declare_exchange("x", "x-random");
  bind("x", "q1", "");
  bind("x", "q2", "");
  std::map<std::string, int> pairs;
  std::string last = published("x", "k").at(0);
  for (int i = 0; i < 4000; ++i) {
    const std::string next = published("x", "k").at(0);
    ++pairs[last + next];
    last = next;
  }
  for (const auto& [pair, count] : pairs) {
    EXPECT_NEAR(count, 1000, 120) << pair;
  }
}

TEST_F(RandomExchangeTest, BindingKeysPlayNoPartAndEachBindingCounts) {
  declare_exchange("x", "x-random");
  bind("x", "q1", "any");
  bind("x", "q2", "a");
  bind("x", "q2", "b");
  auto found = shares("x", "k", 3000);
  EXPECT_NEAR(found["q1"], 1000, 120);
  EXPECT_NEAR(found["q2"], 2000, 120);
  topology_->unbind(*guest_, to_queue("x", "q1", "any"), here);
  EXPECT_EQ(shares("x", "k", 100)["q2"], 100);
}

TEST_F(RandomExchangeTest, NothingIsKeptAlsoBehindOtherExchanges) {
  declare_exchange("x", "x-random");
  bind("x", "q1", "");
  bind("x", "q2", "");
  bind_exchange("amq.direct", "x", "k");
  declare_exchange("with alternate", "direct",
                   {.durable = true, .arguments = {{"alternate-exchange", "x"}}});
  for (const char* exchange : {"x", "amq.direct", "with alternate"}) {
    EXPECT_FALSE(topology_->route("/", exchange, "k", &properties_).cacheable) << exchange;
    EXPECT_NEAR(shares(exchange, "k", 1000)["q1"], 500, 60) << exchange;
  }
}

// Such a message's way is looked for twice, since the first look has no headers.
TEST_F(RandomExchangeTest, AnExchangeBehindThatAsksForHeadersGetsItsFairShare) {
  declare_exchange("x", "x-random");
  bind("x", "q1", "");
  declare_exchange("h", "headers");
  bind("h", "q2", "", {{"x-match", "all"}});
  bind_exchange("x", "h", "");
  bind_exchange("amq.direct", "x", "k");
  auto found = shares("amq.direct", "k", 2000);
  EXPECT_NEAR(found["q1"], 1000, 80);
  EXPECT_NEAR(found["q2"], 1000, 80);
}

TEST_F(RandomExchangeTest, WithCopiesItIsStillOneQueue) {
  declare_exchange("x", "x-random");
  bind("x", "q1", "");
  bind("x", "q2", "");
  const amqp::FieldTable copies{{"CC", amqp::FieldArray{"a", "b"}}};
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(routed("x", "k", copies), SizeIs(1));
  }
}

TEST_F(RandomExchangeTest, WithoutBindingsTheAlternateTakesAll) {
  declare_exchange("x", "x-random",
                   {.durable = true, .arguments = {{"alternate-exchange", "amq.fanout"}}});
  EXPECT_THAT(published("x", "k"), IsEmpty());
  bind("amq.fanout", "q1", "");
  EXPECT_THAT(published("x", "k"), ElementsAre("q1"));
}

TEST_F(RandomExchangeTest, ARestartKeepsTheType) {
  declare_exchange("x", "x-random");
  declare_exchange("y", "x-local-random");
  bind("x", "q1", "k");
  bind("y", "q1", "");
  restart();
  EXPECT_EQ(topology_->find_exchange("/", "x")->type(), ExchangeType::random);
  EXPECT_EQ(topology_->find_exchange("/", "y")->type(), ExchangeType::local_random);
  EXPECT_THAT(routed("x", ""), ElementsAre("q1"));
  EXPECT_THAT(routed("y", ""), ElementsAre("q1"));
}

TEST_F(RandomExchangeTest, LocalOnesAreForClassicQueuesAndEmptyKeys) {
  declare_exchange("x", "x-local-random");
  make_queue("quorum", {.durable = true, .arguments = {{"x-queue-type", "quorum"}}});
  EXPECT_EQ(outcome_of(bind("x", "q1", "k")), "406 Non empty binding 'k' key not permitted");
  EXPECT_EQ(outcome_of(bind("x", "quorum", "")),
            "406 Queue type rabbit_quorum_queue not valid for this exchange type");
  EXPECT_EQ(outcome_of(bind_exchange("x", "amq.fanout", "")), "406 Destination not found");
  EXPECT_THAT(topology_->list_bindings_from("/", "x"), IsEmpty());
  EXPECT_EQ(outcome_of(bind("x", "q1", "")), "ok");
  // It may be bound to others itself.
  EXPECT_EQ(outcome_of(bind_exchange("amq.direct", "x", "k")), "ok");
  EXPECT_THAT(published("amq.direct", "k"), ElementsAre("q1"));
}

}  // namespace
}  // namespace lepus::model
