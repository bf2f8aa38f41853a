#include "broker/model/topology.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr const char* locked_text =
    "405 cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally "
    "declared on another connection or the exclusive property value does not match that of the "
    "original declaration.";

using TopologyExchangeTest = TopologyFixture;
using TopologyQueueTest = TopologyFixture;
using TopologyBindingTest = TopologyFixture;

// ---- exchanges

TEST_F(TopologyExchangeTest, EveryVhostHasThePredeclaredOnes) {
  const std::pair<const char*, ExchangeType> expected[] = {
      {"", ExchangeType::direct},           {"amq.direct", ExchangeType::direct},
      {"amq.fanout", ExchangeType::fanout}, {"amq.headers", ExchangeType::headers},
      {"amq.match", ExchangeType::headers}, {"amq.rabbitmq.trace", ExchangeType::topic},
      {"amq.topic", ExchangeType::topic}};
  for (const auto& [name, type] : expected) {
    const auto exchange = topology_->find_exchange("/", name);
    ASSERT_NE(exchange, nullptr) << name;
    EXPECT_EQ(exchange->type(), type) << name;
    EXPECT_TRUE(exchange->is_durable()) << name;
    EXPECT_EQ(exchange->is_internal(), std::string_view{name} == "amq.rabbitmq.trace") << name;
  }
  EXPECT_EQ(topology_->list_exchanges("/").size(), std::size(expected));
}

TEST_F(TopologyExchangeTest, AnUnknownTypeIsAHardError) {
  EXPECT_EQ(outcome_of(declare_exchange("x", "x-recent-history")),
            "503 unknown exchange type 'x-recent-history'");
  EXPECT_EQ(outcome_of(declare_exchange("x", "")), "503 invalid exchange type ''");
  // Before the name is looked at.
  EXPECT_EQ(outcome_of(declare_exchange("", "nope")), "503 unknown exchange type 'nope'");
}

TEST_F(TopologyExchangeTest, TheDefaultExchangeIsNobodys) {
  const std::string refused = "403 operation not permitted on the default exchange";
  EXPECT_EQ(outcome_of(declare_exchange("", "direct")), refused);
  EXPECT_EQ(outcome_of(declare_exchange("", "direct", {.passive = true})), refused);
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "", false)), refused);
}

TEST_F(TopologyExchangeTest, ReservedNamesCanBeRepeatedButNotMade) {
  EXPECT_EQ(outcome_of(declare_exchange("amq.direct", "direct")), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("amq.mine", "direct")),
            "403 exchange name 'amq.mine' contains reserved prefix 'amq.*'");
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "amq.direct", false)),
            "403 deletion of system exchange 'amq.direct' in vhost '/' not allowed");
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "amq.none", false)),
            "403 deletion of system exchange 'amq.none' in vhost '/' not allowed");
}

TEST_F(TopologyExchangeTest, PassiveDeclareLooksForTheNameAlone) {
  ASSERT_EQ(outcome_of(declare_exchange("x", "fanout")), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("x", "nope", {.passive = true})), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("y", "fanout", {.passive = true})),
            "404 no exchange 'y' in vhost '/'");
}

TEST_F(TopologyExchangeTest, ARepeatedDeclarationMustBeTheSame) {
  ASSERT_EQ(outcome_of(declare_exchange("x", "fanout")), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("x", "fanout")), "ok");
  EXPECT_EQ(outcome_of(declare_exchange("x", "direct")),
            "406 inequivalent arg 'type' for exchange 'x' in vhost '/': received 'direct' but "
            "current is 'fanout'");
}

TEST_F(TopologyExchangeTest, LineBreaksAreStrippedFromNames) {
  ASSERT_EQ(outcome_of(declare_exchange("x\r\n1", "fanout")), "ok");
  EXPECT_NE(topology_->find_exchange("/", "x1"), nullptr);
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "\nx1", false)), "ok");
  EXPECT_EQ(topology_->find_exchange("/", "x1"), nullptr);
}

TEST_F(TopologyExchangeTest, AnAlternateMustBeALongString) {
  EXPECT_EQ(outcome_of(declare_exchange("x", "direct",
                                        {.arguments = {{"alternate-exchange", std::int32_t{1}}}})),
            "406 invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost "
            "'/'");
  EXPECT_EQ(topology_->find_exchange("/", "x"), nullptr);
}

TEST_F(TopologyExchangeTest, DeletingAMissingOneIsFine) {
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "none", true)), "ok");
}

TEST_F(TopologyExchangeTest, IfUnusedLooksAtBindingsAsSourceAlone) {
  declare_exchange("x", "fanout");
  declare_exchange("y", "fanout");
  ASSERT_EQ(outcome_of(bind_exchange("x", "y", "")), "ok");
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "x", true)),
            "406 exchange 'x' in vhost '/' in use");
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "y", true)), "ok");
  EXPECT_EQ(outcome_of(topology_->delete_exchange(*guest_, "x", true)), "ok");
}

// ---- queues

TEST_F(TopologyQueueTest, DeclaringMakesItOnce) {
  const auto first = declare_queue("q");
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->created);
  const auto second = declare_queue("q");
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->created);
  EXPECT_EQ(first->queue, second->queue);
  EXPECT_EQ(topology_->find_queue(first->queue->id), first->queue);
  EXPECT_EQ(topology_->find_queue("/", "q"), first->queue);
}

TEST_F(TopologyQueueTest, TheServerNamesQueuesWithoutAName) {
  const auto first = make_queue("", {.exclusive = true, .shard = 3});
  const auto second = make_queue("", {.exclusive = true, .shard = 3});
  ASSERT_NE(first, nullptr);
  EXPECT_THAT(first->name, StartsWith("amq.gen-"));
  EXPECT_EQ(first->name.size(), 30U);
  EXPECT_TRUE(std::ranges::all_of(first->name.substr(8), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '-' || letter == '_';
  }));
  EXPECT_NE(first->name, second->name);
  EXPECT_EQ(first->owner, 3U);
  EXPECT_EQ(first->partition % options_.shards, 3U);
  EXPECT_EQ(outcome_of(declare_queue("", {.arguments = {{"x-queue-type", "quorum"}}})),
            "406 Cannot declare a server-named queue for type rabbit_quorum_queue");
}

TEST_F(TopologyQueueTest, ReservedNamesAreRefusedEvenForAnExistingQueue) {
  const auto queue = make_queue("");
  EXPECT_EQ(outcome_of(declare_queue(queue->name)),
            "403 queue name '" + queue->name + "' contains reserved prefix 'amq.*'");
  EXPECT_EQ(outcome_of(declare_queue(queue->name, {.passive = true})), "ok");
}

TEST_F(TopologyQueueTest, QueuesAreSpreadOverThePartitionsByName) {
  std::vector<int> used(64);
  for (int i = 0; i < 1000; ++i) {
    const auto queue = make_queue("q" + std::to_string(i), {.shard = 1});
    ASSERT_LT(queue->partition, 64U);
    EXPECT_EQ(queue->owner, queue->partition % options_.shards);
    used[queue->partition]++;
  }
  EXPECT_EQ(std::ranges::count(used, 0), 0);
}

/// As they are most common; by chance 64 names would come to about 40 partitions.
TEST_F(TopologyQueueTest, FewQueuesWithShortNumberedNamesAreSpreadToo) {
  for (const std::string prefix : {"a", "q", "x", "q-", "queue", "orders."}) {
    std::set<std::uint32_t> used;
    for (int i = 0; i < 64; ++i) {
      used.insert(make_queue(prefix + std::to_string(i))->partition);
    }
    EXPECT_GE(used.size(), 33U) << prefix << "0 and so on";
  }
}

TEST_F(TopologyQueueTest, IdsAreNeverUsedTwice) {
  const auto first = make_queue("q");
  topology_->remove_queue(*first);
  const auto second = make_queue("q");
  EXPECT_GT(value_of(second->id), value_of(first->id));
}

TEST_F(TopologyQueueTest, ExclusiveQueuesAreNeverDurable) {
  const auto queue = make_queue("q", {.durable = true, .exclusive = true});
  EXPECT_FALSE(queue->durable);
  EXPECT_TRUE(queue->is_exclusive());
  EXPECT_EQ(outcome_of(declare_queue("q", {.durable = false, .exclusive = true})), "ok");
}

TEST_F(TopologyQueueTest, AnExclusiveQueueIsLockedForOthers) {
  make_queue("q", {.exclusive = true});
  EXPECT_EQ(outcome_of(declare_queue("q", {.exclusive = true, .connection = elsewhere})),
            locked_text);
  EXPECT_EQ(outcome_of(declare_queue("q", {.passive = true, .connection = elsewhere})),
            locked_text);
  EXPECT_EQ(outcome_of(topology_->usable_queue("/", "q", elsewhere)), locked_text);
  EXPECT_EQ(outcome_of(topology_->usable_queue("/", "q", here)), "ok");
}

TEST_F(TopologyQueueTest, ExclusiveIsPartOfWhatMustBeRepeated) {
  make_queue("q", {.exclusive = true});
  EXPECT_EQ(outcome_of(declare_queue("q", {.exclusive = false})), locked_text);
  make_queue("plain");
  EXPECT_THAT(outcome_of(declare_queue("plain", {.exclusive = true})), StartsWith("405 "));
}

TEST_F(TopologyQueueTest, PassiveDeclareOfAMissingQueueIs404) {
  EXPECT_EQ(outcome_of(declare_queue("q", {.passive = true})), "404 no queue 'q' in vhost '/'");
  EXPECT_EQ(outcome_of(declare_queue("", {.passive = true})), "404 no queue '' in vhost '/'");
  EXPECT_EQ(outcome_of(topology_->usable_queue("/", "q", here)), "404 no queue 'q' in vhost '/'");
}

TEST_F(TopologyQueueTest, WrongArgumentsMakeNoQueue) {
  EXPECT_EQ(outcome_of(declare_queue("q", {.arguments = {{"x-expires", std::int32_t{0}}}})),
            "406 invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}");
  EXPECT_EQ(topology_->find_queue("/", "q"), nullptr);
  EXPECT_EQ(outcome_of(declare_queue("q", {.arguments = {{"x-queue-type", "quorum"}}})),
            "406 invalid property 'non-durable' for queue 'q' in vhost '/'");
  EXPECT_EQ(outcome_of(
                declare_queue("q", {.exclusive = true, .arguments = {{"x-queue-type", "quorum"}}})),
            "406 invalid property 'exclusive-owner' for queue 'q' in vhost '/'");
  EXPECT_EQ(topology_->queue_count("/"), 0U);
}

TEST_F(TopologyQueueTest, TheVhostsLimitCountsForNewQueuesAlone) {
  make_queue("one");
  VhostDescription vhost = topology_->find_vhost("/").value();
  vhost.max_queues = 1;
  ASSERT_TRUE(topology_->put_vhost(vhost).has_value());
  EXPECT_EQ(outcome_of(declare_queue("two")),
            "406 cannot declare queue 'two': queue limit in vhost '/' (1) is reached");
  EXPECT_EQ(outcome_of(declare_queue("one")), "ok");
  vhost.max_queues = -1;
  ASSERT_TRUE(topology_->put_vhost(vhost).has_value());
  EXPECT_EQ(outcome_of(declare_queue("two")), "ok");
}

TEST_F(TopologyQueueTest, AVhostMayHaveAnotherDefaultType) {
  VhostDescription vhost = topology_->find_vhost("/").value();
  vhost.default_queue_type = "quorum";
  ASSERT_TRUE(topology_->put_vhost(vhost).has_value());
  EXPECT_EQ(make_queue("q")->settings.type, QueueType::quorum);
  EXPECT_EQ(make_queue("transient", {.durable = false})->settings.type, QueueType::classic);
  EXPECT_EQ(make_queue("", {.exclusive = true})->settings.type, QueueType::classic);
}

TEST_F(TopologyQueueTest, RemovingTakesItsNameItsIdAndItsBindings) {
  const auto queue = make_queue("q");
  bind("amq.direct", "q", "k");
  topology_->remove_queue(*queue);
  EXPECT_TRUE(queue->deleted.load());
  EXPECT_EQ(topology_->find_queue("/", "q"), nullptr);
  EXPECT_EQ(topology_->find_queue(queue->id), nullptr);
  EXPECT_TRUE(topology_->list_bindings("/").empty());
  EXPECT_TRUE(routed("amq.direct", "k").empty());
  EXPECT_EQ(topology_->remove_queue(*queue), 0U);
}

// ---- bindings

TEST_F(TopologyBindingTest, BothEndsMustBeThereTheSourceFirst) {
  EXPECT_EQ(outcome_of(bind("x", "q", "")), "404 no exchange 'x' in vhost '/'");
  EXPECT_EQ(outcome_of(bind("amq.direct", "q", "")), "404 no queue 'q' in vhost '/'");
  EXPECT_EQ(outcome_of(bind_exchange("x", "y", "")), "404 no exchange 'x' in vhost '/'");
  EXPECT_EQ(outcome_of(bind_exchange("amq.direct", "y", "")), "404 no exchange 'y' in vhost '/'");
}

TEST_F(TopologyBindingTest, TheDefaultExchangeIsBoundAtNeitherEnd) {
  make_queue("q");
  const std::string refused = "403 operation not permitted on the default exchange";
  EXPECT_EQ(outcome_of(bind("", "q", "")), refused);
  EXPECT_EQ(outcome_of(bind_exchange("amq.direct", "", "")), refused);
  EXPECT_EQ(outcome_of(topology_->unbind(*guest_, to_queue("", "q", ""), here)), refused);
}

TEST_F(TopologyBindingTest, TheSameBindingIsThereOnce) {
  make_queue("q");
  EXPECT_EQ(outcome_of(bind("amq.direct", "q", "k", {{"a", "1"}, {"b", "2"}})), "ok");
  // The order of the arguments makes no difference.
  EXPECT_EQ(outcome_of(bind("amq.direct", "q", "k", {{"b", "2"}, {"a", "1"}})), "ok");
  EXPECT_EQ(topology_->list_bindings_from("/", "amq.direct").size(), 1U);
  EXPECT_EQ(outcome_of(bind("amq.direct", "q", "k", {{"a", "2"}})), "ok");
  EXPECT_EQ(topology_->list_bindings_from("/", "amq.direct").size(), 2U);
}

TEST_F(TopologyBindingTest, UnbindingWhatIsNotThereIsFine) {
  make_queue("q");
  for (const auto& binding : {to_queue("x", "q", ""), to_queue("amq.direct", "none", ""),
                              to_queue("amq.direct", "q", "")}) {
    EXPECT_EQ(outcome_of(topology_->unbind(*guest_, binding, here)), "ok");
  }
}

TEST_F(TopologyBindingTest, LockedQueuesAreBoundAndUnboundByTheirOwnerAlone) {
  make_queue("q", {.exclusive = true});
  const auto binding = to_queue("amq.direct", "q", "k");
  EXPECT_EQ(outcome_of(topology_->bind(*guest_, binding, elsewhere)), locked_text);
  // Without the binding there is nothing to refuse.
  EXPECT_EQ(outcome_of(topology_->unbind(*guest_, binding, elsewhere)), "ok");
  EXPECT_EQ(outcome_of(topology_->bind(*guest_, binding, here)), "ok");
  EXPECT_EQ(outcome_of(topology_->unbind(*guest_, binding, elsewhere)), locked_text);
  EXPECT_EQ(outcome_of(topology_->unbind(*guest_, binding, here)), "ok");
}

TEST_F(TopologyBindingTest, HeadersExchangesCheckTheMode) {
  make_queue("q");
  EXPECT_EQ(outcome_of(bind("amq.headers", "q", "", {{"x-match", "foo"}})),
            "406 Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or "
            "any-with-x");
  EXPECT_EQ(outcome_of(bind("amq.direct", "q", "", {{"x-match", "foo"}})), "ok");
}

TEST_F(TopologyBindingTest, AnAutoDeleteExchangeGoesWithItsLastBindingAsSource) {
  make_queue("q");
  declare_exchange("x", "direct", {.auto_delete = true});
  bind("x", "q", "1");
  bind("x", "q", "2");
  topology_->unbind(*guest_, to_queue("x", "q", "1"), here);
  EXPECT_NE(topology_->find_exchange("/", "x"), nullptr);
  topology_->unbind(*guest_, to_queue("x", "q", "2"), here);
  EXPECT_EQ(topology_->find_exchange("/", "x"), nullptr);
}

TEST_F(TopologyBindingTest, BeingUnboundAsADestinationDeletesNoExchange) {
  declare_exchange("x", "direct", {.auto_delete = true});
  bind_exchange("amq.direct", "x", "");
  topology_->unbind(*guest_, to_exchange("amq.direct", "x", ""), here);
  EXPECT_NE(topology_->find_exchange("/", "x"), nullptr);
}

TEST_F(TopologyBindingTest, DeletingTheQueueDeletesAWholeChainOfAutoDeleteExchanges) {
  const auto queue = make_queue("q");
  for (const char* name : {"a", "b", "c"}) {
    declare_exchange(name, "fanout", {.durable = true, .auto_delete = true});
  }
  bind_exchange("a", "b", "");
  bind_exchange("b", "c", "");
  bind_exchange("a", "c", "");
  bind("c", "q", "");
  bind("a", "q", "");
  topology_->remove_queue(*queue);
  EXPECT_EQ(topology_->find_exchange("/", "a"), nullptr);
  EXPECT_EQ(topology_->find_exchange("/", "b"), nullptr);
  EXPECT_EQ(topology_->find_exchange("/", "c"), nullptr);
  restart();
  EXPECT_EQ(topology_->find_exchange("/", "a"), nullptr);
}

TEST_F(TopologyBindingTest, DeletingAnExchangeTakesItsBindingsAtBothEnds) {
  make_queue("q");
  declare_exchange("x", "fanout");
  bind("x", "q", "");
  bind_exchange("amq.fanout", "x", "");
  bind_exchange("x", "x", "");
  ASSERT_EQ(outcome_of(topology_->delete_exchange(*guest_, "x", false)), "ok");
  EXPECT_TRUE(topology_->list_bindings_from("/", "amq.fanout").empty());
  EXPECT_EQ(topology_->list_bindings_to("/", BindingDestination::queue, "q").size(), 1U);
}

TEST_F(TopologyBindingTest, ListsHaveTheImpliedBindings) {
  make_queue("q");
  bind("amq.topic", "q", "a.#", {{"n", std::int32_t{1}}});
  bind_exchange("amq.topic", "amq.fanout", "b");
  const auto to_the_queue = topology_->list_bindings_to("/", BindingDestination::queue, "q");
  ASSERT_EQ(to_the_queue.size(), 2U);
  EXPECT_EQ(to_the_queue[0].source, "");
  EXPECT_EQ(to_the_queue[0].routing_key, "q");
  EXPECT_EQ(to_the_queue[1].source, "amq.topic");
  EXPECT_EQ(to_the_queue[1].arguments, (amqp::FieldTable{{"n", std::int32_t{1}}}));
  EXPECT_EQ(topology_->list_bindings("/").size(), 3U);
  EXPECT_EQ(topology_->list_bindings_from("/", "").size(), 1U);
  const auto to_the_exchange =
      topology_->list_bindings_to("/", BindingDestination::exchange, "amq.fanout");
  ASSERT_EQ(to_the_exchange.size(), 1U);
  EXPECT_EQ(to_the_exchange[0].destination_type, BindingDestination::exchange);
  EXPECT_EQ(to_the_exchange[0].destination, "amq.fanout");
}

}  // namespace
}  // namespace lepus::model
