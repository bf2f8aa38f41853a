#include <algorithm>

#include <gmock/gmock.h>

#include "broker/model/topology_records.h"
#include "storage/threaded_store.h"
#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// What is durable, and when its log is committed.
using TopologyLogTest = TopologyFixture;

class RecordingListener final : public TopologyListener {
 public:
  void topology_committed(TopologyTicket up_to, storage::Outcome outcome) override {
    heard.emplace_back(up_to, outcome);
  }

  std::vector<std::pair<TopologyTicket, storage::Outcome>> heard;
};

TEST_F(TopologyLogTest, ARestartFindsWhatWasDurable) {
  declare_exchange("x", "topic",
                   {.durable = true,
                    .auto_delete = true,
                    .internal = true,
                    .arguments = {{"alternate-exchange", "amq.fanout"}}});
  declare_exchange("transient", "topic", {.durable = false});
  const auto queue =
      make_queue("q", {.durable = true, .arguments = {{"x-max-length", std::int32_t{5}}}});
  make_queue("transient", {.durable = false});
  make_queue("exclusive", {.durable = true, .exclusive = true});
  bind("x", "q", "a.*", {{"n", std::int32_t{1}}});
  bind("x", "transient", "b");
  bind("transient", "q", "c");
  bind_exchange("x", "amq.fanout", "d");
  restart();

  const auto exchange = topology_->find_exchange("/", "x");
  ASSERT_NE(exchange, nullptr);
  EXPECT_EQ(exchange->type(), ExchangeType::topic);
  EXPECT_TRUE(exchange->is_auto_delete());
  EXPECT_TRUE(exchange->is_internal());
  EXPECT_EQ(exchange->alternate(), "amq.fanout");
  EXPECT_EQ(exchange->record().user, "guest");
  EXPECT_EQ(topology_->find_exchange("/", "transient"), nullptr);
  EXPECT_EQ(topology_->queue_count("/"), 1U);
  const auto found = topology_->find_queue("/", "q");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, queue->id);
  EXPECT_EQ(found->partition, queue->partition);
  EXPECT_EQ(found->owner, queue->owner);
  EXPECT_TRUE(found->durable);
  EXPECT_EQ(found->settings.max_length, 5U);
  EXPECT_EQ(found->user, "guest");
  EXPECT_EQ(topology_->find_queue(queue->id), found);
  EXPECT_THAT(routed("x", "a.b"), ElementsAre("q"));
  EXPECT_EQ(topology_->list_bindings_from("/", "x").size(), 2U);
}

TEST_F(TopologyLogTest, ARestartDoesNotFindWhatWasDeleted) {
  const auto queue = make_queue("q");
  declare_exchange("x", "fanout");
  declare_exchange("y", "fanout");
  bind("x", "q", "");
  bind("y", "q", "");
  topology_->unbind(*guest_, to_queue("y", "q", ""), here);
  topology_->delete_exchange(*guest_, "x", false);
  make_queue("other");
  bind("amq.fanout", "other", "");
  topology_->remove_queue(*topology_->find_queue("/", "other"));
  restart();
  EXPECT_EQ(topology_->find_exchange("/", "x"), nullptr);
  EXPECT_NE(topology_->find_exchange("/", "y"), nullptr);
  EXPECT_NE(topology_->find_queue("/", "q"), nullptr);
  EXPECT_EQ(topology_->find_queue("/", "other"), nullptr);
  EXPECT_EQ(topology_->list_bindings("/").size(), 1U);
}

TEST_F(TopologyLogTest, DeeplyNestedArgumentsAreFoundAgain) {
  amqp::FieldTable arguments;
  for (int depth = 1; depth < amqp::field_table_max_depth; ++depth) {
    arguments = {{"t", arguments}};
  }
  ASSERT_TRUE(amqp::FieldTable::decode(arguments.encode()).has_value());
  make_queue("q", {.durable = true, .arguments = arguments});
  bind("amq.direct", "q", "k", arguments);
  restart();
  EXPECT_EQ(topology_->find_queue("/", "q")->arguments, arguments);
  EXPECT_EQ(topology_->list_bindings_from("/", "amq.direct").front().arguments, arguments);
}

TEST_F(TopologyLogTest, ArgumentsThatAreTooLargeToKeepAreRefused) {
  const amqp::FieldTable arguments{{"mine", std::string(amqp::field_table_max_bytes - 100, 'x')}};
  EXPECT_EQ(outcome_of(declare_queue("q", {.arguments = arguments})),
            "406 arguments of queue 'q' in vhost '/' are larger than 524288 octets");
}

TEST_F(TopologyLogTest, IdsOfAnEarlierRunAreNotGivenAgain) {
  const auto transient = make_queue("q", {.durable = false});
  restart();
  EXPECT_GT(value_of(make_queue("q", {.durable = false})->id), value_of(transient->id));
}

TEST_F(TopologyLogTest, AQueueIsDeletedInOneBatchWithItsRecordAndBindings) {
  const auto queue = make_queue("q");
  bind("amq.direct", "q", "1");
  bind("amq.direct", "q", "2");
  const std::size_t appends = store_->append_count();
  const TopologyTicket ticket = topology_->remove_queue(*queue);
  EXPECT_EQ(store_->append_count(), appends + 1);
  EXPECT_EQ(ticket, topology_->committed());
  EXPECT_EQ(store_->last_batch().topology().size(), 3U);
  EXPECT_TRUE(store_->last_batch().queues().empty()) << "its rows go by its own log";
}

TEST_F(TopologyLogTest, ATransientQueueIsNotInTheLog) {
  const auto queue = make_queue("q", {.durable = false});
  const std::size_t appends = store_->append_count();
  EXPECT_EQ(topology_->remove_queue(*queue), 0U);
  EXPECT_EQ(store_->append_count(), appends);
}

TEST_F(TopologyLogTest, TransientThingsAreNotWritten) {
  const std::size_t appends = store_->append_count();
  EXPECT_EQ(declare_queue("q", {.durable = false})->ticket, 0U);
  EXPECT_EQ(declare_exchange("x", "fanout", {.durable = false}).value(), 0U);
  EXPECT_EQ(bind("x", "q", "").value(), 0U);
  EXPECT_EQ(topology_->delete_exchange(*guest_, "x", false).value(), 0U);
  EXPECT_EQ(store_->append_count(), appends);
}

TEST_F(TopologyLogTest, ATicketIsCommittedWhenTheStoreSaysSo) {
  RecordingListener listener;
  topology_->set_listener(&listener);
  store_->hold();
  const auto first = declare_queue("q");
  const TopologyTicket binding = bind("amq.direct", "q", "k").value();
  EXPECT_GT(binding, first->ticket);
  EXPECT_LT(topology_->committed(), first->ticket);
  EXPECT_EQ(topology_->outcome_of(first->ticket), std::nullopt);
  // A second declare waits for the same batch.
  EXPECT_EQ(declare_queue("q")->ticket, first->ticket);
  EXPECT_EQ(bind("amq.direct", "q", "k").value(), binding);
  EXPECT_TRUE(listener.heard.empty());
  store_->release();
  EXPECT_EQ(topology_->committed(), binding);
  EXPECT_EQ(topology_->outcome_of(first->ticket), storage::Outcome::committed);
  EXPECT_THAT(listener.heard, ElementsAre(std::pair{first->ticket, storage::Outcome::committed},
                                          std::pair{binding, storage::Outcome::committed}));
  EXPECT_EQ(declare_queue("q")->ticket, 0U);
}

TEST_F(TopologyLogTest, AnUnknownOutcomeIsToldRememberedAndMadeGoodByADeclare) {
  RecordingListener listener;
  topology_->set_listener(&listener);
  store_->fail_next(storage::Outcome::unknown);
  const auto doubtful = declare_queue("q");
  EXPECT_EQ(topology_->outcome_of(doubtful->ticket), storage::Outcome::unknown);
  EXPECT_LT(topology_->committed(), doubtful->ticket);
  EXPECT_THAT(listener.heard, ElementsAre(std::pair{doubtful->ticket, storage::Outcome::unknown}));
  const auto repeated = declare_queue("q");
  EXPECT_FALSE(repeated->created);
  EXPECT_EQ(repeated->queue, doubtful->queue);
  EXPECT_EQ(topology_->outcome_of(doubtful->queue->declared_in), storage::Outcome::committed);
  EXPECT_EQ(store_->last_batch().topology().size(), 1U);
  // The log has no gaps, so the first one is there as well.
  EXPECT_EQ(topology_->outcome_of(doubtful->ticket), storage::Outcome::committed);
}

TEST_F(TopologyLogTest, UnknownExchangesAndBindingsAreMadeGoodToo) {
  make_queue("q");
  store_->fail_next(storage::Outcome::unknown);
  const TopologyTicket exchange = declare_exchange("x", "fanout").value();
  EXPECT_EQ(topology_->outcome_of(exchange), storage::Outcome::unknown);
  EXPECT_EQ(declare_exchange("x", "fanout").value(), 0U);
  EXPECT_EQ(topology_->committed(), exchange + 1);
  store_->fail_next(storage::Outcome::unknown);
  const TopologyTicket binding = bind("x", "q", "").value();
  EXPECT_EQ(topology_->outcome_of(binding), storage::Outcome::unknown);
  EXPECT_EQ(bind("x", "q", "").value(), 0U);
  EXPECT_EQ(topology_->outcome_of(binding), storage::Outcome::committed);
}

TEST_F(TopologyLogTest, OrphansAreProgressRecordsWithoutAQueue) {
  const auto queue = make_queue("q");
  storage::Recovered recovered;
  recovered.progress = {{queue->id, {}}, {QueueId{value_of(queue->id) + 1}, {}}};
  EXPECT_THAT(topology_->orphans(recovered), ElementsAre(QueueId{value_of(queue->id) + 1}));
}

TEST(TopologyLoadTest, RefusesADamagedRecordAndNamesIt) {
  const StandingClock clock;
  testing::FakeStore store;
  Topology topology{store, clock, {}};
  storage::Recovered recovered;
  recovered.topology = {{vhost_key("/"), encode(VhostDescription{.name = "/"})},
                        {queue_key("/", "orders"), "damaged"}};
  const auto loaded = topology.load(recovered);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().text, "the topology's record q '/' 'orders' is damaged");
}

TEST(TopologyLoadTest, RefusesAKindItDoesNotKnow) {
  const StandingClock clock;
  testing::FakeStore store;
  Topology topology{store, clock, {}};
  storage::Recovered recovered;
  recovered.topology = {{"zzz", ""}};
  EXPECT_FALSE(topology.load(recovered).has_value());
}

TEST(TopologyLoadTest, WaitsForAStoreWithThreads) {
  const StandingClock clock;
  storage::ThreadedStore store{std::make_shared<storage::MemoryBackend>()};
  Topology topology{store, clock, {}};
  ASSERT_TRUE(topology.load(store.take_recovered()).has_value());
  EXPECT_EQ(topology.committed(), 1U);
  EXPECT_TRUE(topology.authenticate("guest", "guest", true).has_value());
}

TEST(TopologyLoadTest, AStoreThatCannotCommitStopsTheStart) {
  const StandingClock clock;
  testing::FakeStore store;
  store.fail_next(storage::Outcome::unknown);
  Topology topology{store, clock, {}};
  EXPECT_FALSE(topology.load(store.take_recovered()).has_value());
}

TEST(TopologyLoadTest, TheNumberOfShardsMayChange) {
  const StandingClock clock;
  testing::FakeStore store;
  PartitionIndex partition = 0;
  {
    Topology topology{store, clock, {.shards = 8}};
    ASSERT_TRUE(topology.load(store.take_recovered()).has_value());
    const auto access = topology.make_access("guest", "/");
    partition =
        topology.declare_queue(*access, {.name = "q", .durable = true}).value().queue->partition;
  }
  store.backend()->reopen();
  testing::FakeStore reopened{store.backend()};
  Topology topology{reopened, clock, {.shards = 3}};
  ASSERT_TRUE(topology.load(reopened.take_recovered()).has_value());
  EXPECT_EQ(topology.find_queue("/", "q")->partition, partition);
  EXPECT_EQ(topology.find_queue("/", "q")->owner, partition % 3);
}

}  // namespace
}  // namespace lepus::model
