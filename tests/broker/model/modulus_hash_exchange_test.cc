#include "broker/model/modulus_hash_exchange.h"

#include <map>
#include <string>

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ModulusHashTest : public TopologyFixture {
 protected:
  ModulusHashTest() {
    for (const char* name : {"q1", "q2", "q3"}) {
      make_queue(name);
    }
  }

  /// The queue of each of so many keys.
  std::map<std::string, std::string> places(std::string_view exchange, int keys = 3000) {
    std::map<std::string, std::string> places;
    for (int i = 0; i < keys; ++i) {
      const std::string key = "order." + std::to_string(i);
      const std::vector<std::string> queues = routed(exchange, key);
      EXPECT_THAT(queues, SizeIs(1)) << key;
      places[key] = queues.empty() ? "" : queues.front();
    }
    return places;
  }
};

TEST_F(ModulusHashTest, AKeyHasOneBindingAndAllHaveEqualShares) {
  ASSERT_EQ(outcome_of(declare_exchange("x", "x-modulus-hash")), "ok");
  bind("x", "q1", "any");
  bind("x", "q2", "");
  bind("x", "q3", "7");
  std::map<std::string, int> shares;
  for (const auto& [key, queue] : places("x")) {
    ++shares[queue];
  }
  EXPECT_THAT(shares, SizeIs(3));
  for (const auto& [queue, count] : shares) {
    EXPECT_NEAR(count, 1000, 100) << queue;
  }
  EXPECT_TRUE(topology_->route("/", "x", "k", nullptr).cacheable);
}

TEST_F(ModulusHashTest, NeitherTheOrderOfBindingsNorARestartMovesAKey) {
  declare_exchange("x", "x-modulus-hash");
  declare_exchange("y", "x-modulus-hash");
  for (const char* queue : {"q1", "q2", "q3"}) {
    bind("x", queue, "");
  }
  for (const char* queue : {"q3", "q1", "q2"}) {
    bind("y", queue, "");
  }
  const auto before = places("x");
  EXPECT_EQ(places("y"), before);
  restart();
  EXPECT_EQ(topology_->find_exchange("/", "x")->type(), ExchangeType::modulus_hash);
  EXPECT_EQ(places("x"), before);
}

TEST_F(ModulusHashTest, BindingsComeAndGo) {
  declare_exchange("x", "x-modulus-hash",
                   {.durable = true, .arguments = {{"alternate-exchange", "amq.fanout"}}});
  bind("amq.fanout", "q3", "");
  bind("x", "q1", "");
  bind("x", "q2", "");
  const auto before = places("x", 200);
  topology_->unbind(*guest_, to_queue("x", "q1", ""), here);
  EXPECT_THAT(routed("x", "k"), ElementsAre("q2"));
  bind("x", "q1", "");
  EXPECT_EQ(places("x", 200), before);
  topology_->remove_queue(*topology_->find_queue("/", "q2"));
  EXPECT_THAT(routed("x", "k"), ElementsAre("q1"));
  topology_->remove_queue(*topology_->find_queue("/", "q1"));
  EXPECT_THAT(routed("x", "k"), ElementsAre("q3"));
}

TEST_F(ModulusHashTest, AllKeysOfAMessageAreHashedTogether) {
  declare_exchange("x", "x-modulus-hash");
  for (const char* queue : {"q1", "q2", "q3"}) {
    bind("x", queue, "");
  }
  std::map<std::string, int> shares;
  for (int i = 0; i < 300; ++i) {
    const amqp::FieldTable copies{{"CC", amqp::FieldArray{std::to_string(i)}}};
    const std::vector<std::string> queues = routed("x", "k", copies);
    ASSERT_THAT(queues, SizeIs(1));
    ++shares[queues.front()];
  }
  EXPECT_THAT(shares, SizeIs(3));
}

TEST_F(ModulusHashTest, ADestinationMayBeAnExchange) {
  declare_exchange("x", "x-modulus-hash");
  bind_exchange("x", "amq.fanout", "");
  bind("amq.fanout", "q1", "");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q1"));
}

}  // namespace
}  // namespace lepus::model
