#include <algorithm>

#include <gmock/gmock.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using TopologyUserTest = TopologyFixture;
using TopologyVhostTest = TopologyFixture;

TEST_F(TopologyUserTest, AFreshStoreHasTheDefaultUserAndVhost) {
  EXPECT_THAT(topology_->list_users(), SizeIs(1));
  EXPECT_TRUE(topology_->find_user("guest")->has_tag("administrator"));
  EXPECT_EQ(topology_->find_permissions("guest", "/")->configure, ".*");
  EXPECT_EQ(outcome_of(topology_->check_vhost_access("guest", "/")), "ok");
}

class ChosenDefaultsTest : public TopologyFixture {
 protected:
  ChosenDefaultsTest()
      : TopologyFixture({.default_configure = "^mine",
                         .default_write = "",
                         .default_read = ".*",
                         .default_queue_type = "quorum",
                         .vhost_max = 2}) {}
};

TEST_F(ChosenDefaultsTest, TheDefaultUserHasTheChosenPermissions) {
  const auto permissions = topology_->find_permissions("guest", "/");
  ASSERT_TRUE(permissions);
  EXPECT_EQ(permissions->configure, "^mine");
  EXPECT_EQ(permissions->write, "");
  EXPECT_EQ(permissions->read, ".*");
  EXPECT_FALSE(topology_->find_permissions("guest", "other"));
  EXPECT_FALSE(topology_->find_permissions("other", "/"));
}

TEST_F(ChosenDefaultsTest, DurableQueuesAreOfTheNodesTypeUnlessTheVhostNamesOne) {
  const auto type_of = [this](std::string_view vhost) {
    topology_->put_permissions({"guest", std::string{vhost}, ".*", ".*", ".*"});
    const auto access = topology_->make_access("guest", vhost);
    const auto declared = topology_->declare_queue(*access, {.name = "mine", .durable = true});
    return declared->queue->settings.type;
  };
  ASSERT_TRUE(topology_->put_vhost({.name = "old", .default_queue_type = "classic"}).has_value());
  EXPECT_EQ(type_of("/"), QueueType::quorum);
  EXPECT_EQ(type_of("old"), QueueType::classic);
}

TEST_F(ChosenDefaultsTest, NoMoreVhostsAreMadeThanTheNodeMayHave) {
  ASSERT_TRUE(topology_->put_vhost({.name = "two"}).has_value());
  const auto third = topology_->put_vhost({.name = "three"});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().text, "cannot create vhost 'three': vhost limit of 2 is reached");
  EXPECT_TRUE(topology_->put_vhost({.name = "two", .description = "changed"}).has_value());
}

class NoDefaultsTest : public TopologyFixture {
 protected:
  NoDefaultsTest() : TopologyFixture({.makes_defaults = false}) {}
};

TEST_F(NoDefaultsTest, DefinitionsTakeThePlaceOfTheDefaults) {
  EXPECT_THAT(topology_->list_users(), IsEmpty());
  EXPECT_THAT(topology_->list_vhosts(), IsEmpty());
}

TEST(TopologyDefaults, PermissionsThatDoNotCompileAreAnError) {
  testing::FakeStore store{std::make_shared<storage::MemoryBackend>()};
  const StandingClock clock;
  Topology topology{store, clock, {.default_write = "("}};
  const auto loaded = topology.load(store.take_recovered());
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text, ::testing::StartsWith("default_permissions: invalid_regexp"));
}

TEST_F(TopologyUserTest, TheDefaultsAreNotMadeAgain) {
  topology_->put_user({.name = "ann", .tags = {"administrator"}});
  ASSERT_TRUE(topology_->delete_user("guest").has_value());
  restart();
  EXPECT_FALSE(topology_->find_user("guest").has_value());
  EXPECT_THAT(topology_->list_permissions(), IsEmpty());
  EXPECT_TRUE(topology_->find_user("ann")->has_tag("administrator"));
}

TEST_F(TopologyUserTest, LogsInWithNameAndPassword) {
  EXPECT_TRUE(topology_->authenticate("guest", "guest", true).has_value());
  EXPECT_FALSE(topology_->authenticate("guest", "wrong", true).has_value());
  EXPECT_FALSE(topology_->authenticate("nobody", "guest", true).has_value());
  EXPECT_FALSE(topology_->authenticate("", "", true).has_value());
}

TEST_F(TopologyUserTest, GuestLogsInOverTheLoopbackInterfaceAlone) {
  const auto user = topology_->authenticate("guest", "guest", false);
  ASSERT_FALSE(user.has_value());
  EXPECT_EQ(user.error().text, "user 'guest' can only connect via localhost");
  topology_->put_user(
      {.name = "ann", .password_hash = hash_password("pw", PasswordHashing::sha256)});
  EXPECT_TRUE(topology_->authenticate("ann", "pw", false).has_value());
}

TEST_F(TopologyUserTest, AnEmptyHashIsNoLogin) {
  topology_->put_user({.name = "ann"});
  EXPECT_FALSE(topology_->authenticate("ann", "", true).has_value());
}

TEST_F(TopologyUserTest, OpeningAVhostNeedsItAndPermissions) {
  topology_->put_user({.name = "ann"});
  EXPECT_EQ(outcome_of(topology_->check_vhost_access("ann", "none")), "530 vhost none not found");
  EXPECT_EQ(outcome_of(topology_->check_vhost_access("ann", "/")),
            "530 access to vhost '/' refused for user 'ann'");
  topology_->put_permissions({"ann", "/", "", "", ""});
  EXPECT_EQ(outcome_of(topology_->check_vhost_access("ann", "/")), "ok");
}

TEST_F(TopologyUserTest, EverythingOfAUserIsFoundAfterARestart) {
  const std::string hash = hash_password("pw", PasswordHashing::sha512);
  topology_->put_user({.name = "ann",
                       .password_hash = hash,
                       .hashing = PasswordHashing::sha512,
                       .tags = {"monitoring", "other"},
                       .limits = {.max_connections = 5, .max_channels = 0}});
  topology_->put_permissions({"ann", "/", "c", "w", "r"});
  topology_->put_topic_permissions({"ann", "/", "amq.topic", "tw", "tr"});
  restart();
  const auto ann = topology_->find_user("ann");
  ASSERT_TRUE(ann.has_value());
  EXPECT_EQ(ann->password_hash, hash);
  EXPECT_EQ(ann->hashing, PasswordHashing::sha512);
  EXPECT_THAT(ann->tags, ElementsAre("monitoring", "other"));
  EXPECT_EQ(ann->limits.max_connections, 5);
  EXPECT_EQ(ann->limits.max_channels, 0);
  EXPECT_EQ(topology_->find_permissions("ann", "/")->write, "w");
  ASSERT_THAT(topology_->list_topic_permissions(), SizeIs(1));
  EXPECT_EQ(topology_->list_topic_permissions()[0].exchange, "amq.topic");
  EXPECT_EQ(topology_->list_topic_permissions()[0].read, "tr");
  ASSERT_TRUE(topology_->delete_user("ann").has_value());
  restart();
  EXPECT_THAT(topology_->list_permissions(), SizeIs(1));
  EXPECT_THAT(topology_->list_topic_permissions(), IsEmpty());
}

TEST_F(TopologyUserTest, ErrorsAreTheManagementApisWords) {
  EXPECT_EQ(topology_->delete_user("nobody").error().text, "no_such_user");
  EXPECT_EQ(topology_->put_permissions({"nobody", "/", "", "", ""}).error().text,
            "vhost_or_user_not_found");
  EXPECT_EQ(topology_->put_permissions({"guest", "none", "", "", ""}).error().text,
            "vhost_or_user_not_found");
  EXPECT_EQ(topology_->put_permissions({"guest", "/", "", "(", ""}).error().text,
            "invalid_regexp: missing ) at 1 in '('");
  EXPECT_EQ(topology_->find_permissions("guest", "/")->write, ".*");
}

TEST_F(TopologyUserTest, TopicPermissionsGoOneByOneOrAll) {
  topology_->put_topic_permissions({"guest", "/", "a", "", ""});
  topology_->put_topic_permissions({"guest", "/", "b", "", ""});
  topology_->put_topic_permissions({"guest", "/", "c", "", ""});
  topology_->delete_topic_permissions("guest", "/", "a");
  EXPECT_THAT(topology_->list_topic_permissions(), SizeIs(2));
  topology_->delete_topic_permissions("guest", "/", "");
  EXPECT_THAT(topology_->list_topic_permissions(), IsEmpty());
  restart();
  EXPECT_THAT(topology_->list_topic_permissions(), IsEmpty());
}

TEST_F(TopologyVhostTest, IsFoundAfterARestart) {
  topology_->put_vhost({.name = "v",
                        .description = "test",
                        .tags = {"a"},
                        .default_queue_type = "quorum",
                        .max_connections = 3,
                        .max_queues = 4});
  restart();
  const auto vhost = topology_->find_vhost("v");
  ASSERT_TRUE(vhost.has_value());
  EXPECT_EQ(vhost->description, "test");
  EXPECT_THAT(vhost->tags, ElementsAre("a"));
  EXPECT_EQ(vhost->default_queue_type, "quorum");
  EXPECT_EQ(vhost->max_connections, 3);
  EXPECT_EQ(vhost->max_queues, 4);
  EXPECT_NE(topology_->find_exchange("v", "amq.topic"), nullptr);
  EXPECT_THAT(topology_->list_vhosts(), SizeIs(2));
}

TEST_F(TopologyVhostTest, IsDeletedWithEverythingInIt) {
  topology_->put_vhost({.name = "v"});
  topology_->put_permissions({"guest", "v", ".*", ".*", ".*"});
  topology_->put_topic_permissions({"guest", "v", "amq.topic", "", ""});
  topology_->put_parameter({"policy", "v", "p", "{}"});
  const auto access = topology_->make_access("guest", "v");
  const auto queue =
      topology_->declare_queue(*access, {.name = "q", .durable = true}).value().queue;
  topology_->declare_exchange(*access, {.name = "x", .type = "fanout", .durable = true});
  topology_->bind(*access, to_queue("x", "q", ""), here);
  make_queue("stays");

  const auto deleted = topology_->delete_vhost("v");
  ASSERT_TRUE(deleted.has_value());
  EXPECT_THAT(deleted->queues, ElementsAre(queue));
  EXPECT_TRUE(queue->deleted.load());
  EXPECT_EQ(topology_->find_queue("v", "q"), nullptr);
  EXPECT_EQ(outcome_of(topology_->declare_queue(*access, {.name = "late"})),
            "403 configure access to queue 'late' in vhost 'v' refused for user 'guest'");
  EXPECT_THAT(topology_->list_parameters(""), IsEmpty());
  EXPECT_EQ(topology_->delete_vhost("v").error().text, "vhost_not_found");

  // The owner drops the messages afterwards.
  EXPECT_EQ(topology_->find_queue(queue->id), queue);
  EXPECT_EQ(topology_->remove_queue(*queue), 0U);
  EXPECT_EQ(topology_->find_queue(queue->id), nullptr);

  restart();
  EXPECT_FALSE(topology_->find_vhost("v").has_value());
  EXPECT_THAT(topology_->list_queues(""), SizeIs(1));
  EXPECT_THAT(topology_->list_permissions(), SizeIs(1));
}

TEST_F(TopologyVhostTest, KeepsItsQueuesApartFromOthers) {
  topology_->put_vhost({.name = "v"});
  topology_->put_permissions({"guest", "v", ".*", ".*", ".*"});
  const auto access = topology_->make_access("guest", "v");
  const auto there = topology_->declare_queue(*access, {.name = "q"}).value().queue;
  const auto here_too = make_queue("q");
  EXPECT_NE(there, here_too);
  EXPECT_EQ(topology_->find_queue("v", "q"), there);
  EXPECT_EQ(topology_->queue_count("v"), 1U);
  EXPECT_EQ(topology_->list_queues("v").size(), 1U);
}

TEST_F(TopologyVhostTest, NamesMustBeShortStrings) {
  EXPECT_FALSE(topology_->put_vhost({.name = ""}).has_value());
  EXPECT_FALSE(topology_->put_vhost({.name = std::string(256, 'v')}).has_value());
  EXPECT_FALSE(topology_->put_user({.name = ""}).has_value());
}

TEST_F(TopologyVhostTest, ParametersAreKeptAsTheyAre) {
  const std::string value{"any \0 bytes", 11};
  topology_->put_parameter({"policy", "/", "p", value});
  topology_->put_parameter({"global", "", "cluster_name", "x"});
  restart();
  ASSERT_THAT(topology_->list_parameters("policy"), SizeIs(1));
  EXPECT_EQ(topology_->list_parameters("policy")[0].value, value);
  EXPECT_THAT(topology_->list_parameters(""), SizeIs(2));
  EXPECT_NE(topology_->delete_parameter("policy", "/", "p"), 0U);
  EXPECT_EQ(topology_->delete_parameter("policy", "/", "p"), 0U);
  restart();
  EXPECT_THAT(topology_->list_parameters("policy"), IsEmpty());
}

}  // namespace
}  // namespace lepus::model
