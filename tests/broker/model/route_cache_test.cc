#include "broker/model/route_cache.h"

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RouteCacheTest : public TopologyFixture {
 protected:
  RouteCacheTest() {
    make_queue("q1");
    make_queue("q2");
    bind("amq.direct", "q1", "k");
  }

  std::vector<std::string> cached(std::string_view exchange, std::string_view key,
                                  const amqp::FieldTable& headers = {}) {
    const std::string bytes = headers.encode();
    const amqp::BasicProperties properties = properties_with(bytes);
    return names_in(cache_.route("/", exchange, key, &properties));
  }

  RouteCache cache_{*topology_, 64};
};

TEST_F(RouteCacheTest, AsksTheTopologyOnce) {
  EXPECT_THAT(cached("amq.direct", "k"), ElementsAre("q1"));
  EXPECT_THAT(cached("amq.direct", "k"), ElementsAre("q1"));
  EXPECT_EQ(cache_.misses(), 1U);
}

TEST_F(RouteCacheTest, TellsNamesApartWhereverTheyAreCut) {
  declare_exchange("ab", "fanout");
  declare_exchange("a", "fanout");
  bind("ab", "q1", "");
  bind("a", "q2", "");
  EXPECT_THAT(cached("ab", "c"), ElementsAre("q1"));
  EXPECT_THAT(cached("a", "bc"), ElementsAre("q2"));
  EXPECT_THAT(cached("ab", "c"), ElementsAre("q1"));
  EXPECT_EQ(cache_.misses(), 2U);
}

TEST_F(RouteCacheTest, RemembersThatNothingMatches) {
  EXPECT_THAT(cached("amq.direct", "none"), IsEmpty());
  EXPECT_THAT(cached("amq.direct", "none"), IsEmpty());
  EXPECT_EQ(cache_.misses(), 1U);
}

TEST_F(RouteCacheTest, SeesBindingsComeAndGo) {
  cached("amq.direct", "k");
  bind("amq.direct", "q2", "k");
  EXPECT_THAT(cached("amq.direct", "k"), ElementsAre("q1", "q2"));
  topology_->unbind(*guest_, to_queue("amq.direct", "q1", "k"), here);
  EXPECT_THAT(cached("amq.direct", "k"), ElementsAre("q2"));
  topology_->remove_queue(*topology_->find_queue("/", "q2"));
  EXPECT_THAT(cached("amq.direct", "k"), IsEmpty());
}

TEST_F(RouteCacheTest, SeesChangesBehindOtherExchanges) {
  declare_exchange("x", "fanout");
  declare_exchange("y", "fanout");
  bind_exchange("x", "y", "");
  bind_exchange("y", "amq.direct", "");
  EXPECT_THAT(cached("x", "k"), ElementsAre("q1"));
  bind("amq.direct", "q2", "k");
  EXPECT_THAT(cached("x", "k"), ElementsAre("q1", "q2"));
  topology_->unbind(*guest_, to_exchange("y", "amq.direct", ""), here);
  EXPECT_THAT(cached("x", "k"), IsEmpty());
}

TEST_F(RouteCacheTest, SeesChangesBehindAlternates) {
  declare_exchange("x", "direct", {.arguments = {{"alternate-exchange", "later"}}});
  EXPECT_THAT(cached("x", "k"), IsEmpty());
  declare_exchange("later", "fanout");
  bind("later", "q2", "");
  EXPECT_THAT(cached("x", "k"), ElementsAre("q2"));
  bind("later", "q1", "");
  EXPECT_THAT(cached("x", "k"), ElementsAre("q1", "q2"));
  topology_->delete_exchange(*guest_, "later", false);
  EXPECT_THAT(cached("x", "k"), IsEmpty());
}

TEST_F(RouteCacheTest, SeesAnExchangeDeletedAndMadeAnew) {
  declare_exchange("x", "fanout");
  bind("x", "q1", "");
  cached("x", "");
  topology_->delete_exchange(*guest_, "x", false);
  EXPECT_EQ(cache_.route("/", "x", "", nullptr).exchange, nullptr);
  declare_exchange("x", "fanout");
  bind("x", "q2", "");
  EXPECT_THAT(cached("x", ""), ElementsAre("q2"));
}

TEST_F(RouteCacheTest, AnExchangeThatIsNotReachedStaysValid) {
  cached("amq.direct", "k");
  bind("amq.topic", "q2", "k");
  make_queue("q3");
  cached("amq.direct", "k");
  EXPECT_EQ(cache_.misses(), 1U);
}

TEST_F(RouteCacheTest, TheDefaultExchangesRoutesStandAsLongAsTheirQueues) {
  EXPECT_THAT(cached("", "q1"), ElementsAre("q1"));
  make_queue("q3");
  topology_->remove_queue(*topology_->find_queue("/", "q2"));
  EXPECT_THAT(cached("", "q1"), ElementsAre("q1"));
  EXPECT_EQ(cache_.misses(), 1U);
  topology_->remove_queue(*topology_->find_queue("/", "q1"));
  EXPECT_THAT(cached("", "q1"), IsEmpty());
  const auto again = make_queue("q1");
  EXPECT_EQ(cache_.route("/", "", "q1", nullptr).queues.at(0), again);
}

TEST_F(RouteCacheTest, HeadersThatDoNotMatterUseTheCache) {
  cached("amq.direct", "k", {{"trace", "1"}});
  cached("amq.direct", "k", {{"trace", "2"}});
  cached("amq.direct", "k");
  EXPECT_EQ(cache_.misses(), 1U);
}

TEST_F(RouteCacheTest, CopiesGoPastTheCache) {
  cached("", "q1");
  const amqp::FieldTable copied{{"CC", amqp::FieldArray{"q2"}}};
  EXPECT_THAT(cached("", "q1", copied), ElementsAre("q1", "q2"));
  const amqp::FieldTable blind{{"BCC", amqp::FieldArray{"q2"}}};
  EXPECT_THAT(cached("", "q1", blind), ElementsAre("q1", "q2"));
  EXPECT_THAT(cached("", "q1"), ElementsAre("q1"));
}

TEST_F(RouteCacheTest, HeadersExchangesGoPastTheCache) {
  bind("amq.headers", "q1", "", {{"n", "1"}});
  bind("amq.headers", "q2", "", {{"n", "2"}});
  EXPECT_THAT(cached("amq.headers", "", {{"n", "1"}}), ElementsAre("q1"));
  EXPECT_THAT(cached("amq.headers", "", {{"n", "2"}}), ElementsAre("q2"));
  EXPECT_THAT(cached("amq.headers", ""), IsEmpty());
}

TEST_F(RouteCacheTest, MoreKeysThanPlacesAreRoutedRightAllTheSame) {
  for (int i = 0; i < 500; ++i) {
    bind("amq.direct", i % 2 == 0 ? "q1" : "q2", "key" + std::to_string(i));
  }
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) {
      EXPECT_THAT(cached("amq.direct", "key" + std::to_string(i)),
                  ElementsAre(i % 2 == 0 ? "q1" : "q2"));
    }
  }
}

TEST_F(RouteCacheTest, RoutesOfADeletedVhostAreGone) {
  topology_->put_vhost({.name = "v"});
  topology_->put_permissions({"guest", "v", ".*", ".*", ".*"});
  const auto access = topology_->make_access("guest", "v");
  ASSERT_TRUE(topology_->declare_queue(*access, {.name = "q"}).has_value());
  ASSERT_TRUE(topology_->bind(*access, to_queue("amq.fanout", "q", ""), here).has_value());
  EXPECT_THAT(names_in(cache_.route("v", "amq.fanout", "", nullptr)), ElementsAre("q"));
  EXPECT_THAT(names_in(cache_.route("v", "", "q", nullptr)), ElementsAre("q"));
  ASSERT_TRUE(topology_->delete_vhost("v").has_value());
  EXPECT_EQ(cache_.route("v", "amq.fanout", "", nullptr).exchange, nullptr);
  EXPECT_EQ(cache_.route("v", "", "q", nullptr).exchange, nullptr);
}

}  // namespace
}  // namespace lepus::model
