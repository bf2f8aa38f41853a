#include "broker/model/user_access.h"

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

class UserAccessTest : public TopologyFixture {
 protected:
  UserAccessTest() {
    EXPECT_TRUE(topology_->put_user({.name = "ann"}).has_value());
    access_ = topology_->make_access("ann", "/");
  }

  void permit(std::string configure, std::string write, std::string read) {
    const auto put = topology_->put_permissions(
        {"ann", "/", std::move(configure), std::move(write), std::move(read)});
    ASSERT_TRUE(put.has_value()) << put.error().text;
  }

  std::string check(Resource resource, std::string_view name, Permission permission) {
    return outcome_of(access_->check(resource, name, permission));
  }

  std::unique_ptr<Access> access_;
};

TEST_F(UserAccessTest, NothingIsAllowedWithoutPermissions) {
  EXPECT_EQ(check(Resource::queue, "q", Permission::configure),
            "403 configure access to queue 'q' in vhost '/' refused for user 'ann'");
}

TEST_F(UserAccessTest, TheThreePatternsAreAskedForTheirOwn) {
  permit("^c", "^w", "^r");
  EXPECT_EQ(check(Resource::queue, "c1", Permission::configure), "ok");
  EXPECT_EQ(check(Resource::exchange, "w1", Permission::write), "ok");
  EXPECT_EQ(check(Resource::queue, "r1", Permission::read), "ok");
  EXPECT_EQ(check(Resource::exchange, "c1", Permission::write),
            "403 write access to exchange 'c1' in vhost '/' refused for user 'ann'");
  EXPECT_EQ(check(Resource::queue, "c1", Permission::read),
            "403 read access to queue 'c1' in vhost '/' refused for user 'ann'");
}

TEST_F(UserAccessTest, AnEmptyPatternAllowsNothing) {
  permit("", "", "");
  EXPECT_EQ(check(Resource::queue, "q", Permission::read),
            "403 read access to queue 'q' in vhost '/' refused for user 'ann'");
}

TEST_F(UserAccessTest, TheDefaultExchangeHasANameHere) {
  permit("", "^amq\\.default$", "");
  EXPECT_EQ(check(Resource::exchange, "", Permission::write), "ok");
  EXPECT_EQ(check(Resource::exchange, "", Permission::read),
            "403 read access to exchange 'amq.default' in vhost '/' refused for user 'ann'");
}

TEST_F(UserAccessTest, ChangesAreSeenAtOnce) {
  permit(".*", ".*", ".*");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(check(Resource::queue, "q" + std::to_string(i), Permission::read), "ok");
  }
  permit(".*", ".*", "");
  EXPECT_NE(check(Resource::queue, "q19", Permission::read), "ok");
  permit(".*", ".*", ".*");
  EXPECT_EQ(check(Resource::queue, "q19", Permission::read), "ok");
  ASSERT_TRUE(topology_->delete_permissions("ann", "/").has_value());
  EXPECT_NE(check(Resource::queue, "q19", Permission::read), "ok");
}

TEST_F(UserAccessTest, WhatWasAllowedForOneIsNotAllowedForAnother) {
  permit("", "^x$", "");
  EXPECT_EQ(check(Resource::exchange, "x", Permission::write), "ok");
  EXPECT_NE(check(Resource::exchange, "x", Permission::read), "ok");
  EXPECT_NE(check(Resource::exchange, "xx", Permission::write), "ok");
}

TEST_F(UserAccessTest, TopicsAreFreeWithoutAnEntryForTheExchange) {
  permit(".*", ".*", ".*");
  EXPECT_EQ(outcome_of(access_->check_topic("amq.topic", "a", Permission::write)), "ok");
  topology_->put_topic_permissions({"ann", "/", "other", "", ""});
  EXPECT_EQ(outcome_of(access_->check_topic("amq.topic", "a", Permission::write)), "ok");
}

TEST_F(UserAccessTest, TopicsAreCheckedAgainstTheKey) {
  permit(".*", ".*", ".*");
  ASSERT_TRUE(
      topology_->put_topic_permissions({"ann", "/", "amq.topic", "^a", "^{username}-{vhost}$"})
          .has_value());
  EXPECT_EQ(outcome_of(access_->check_topic("amq.topic", "a.b", Permission::write)), "ok");
  EXPECT_EQ(outcome_of(access_->check_topic("amq.topic", "b", Permission::write)),
            "403 write access to topic 'b' in exchange 'amq.topic' in vhost '/' refused for user "
            "'ann'");
  EXPECT_EQ(outcome_of(access_->check_topic("amq.topic", "ann-/", Permission::read)), "ok");
  EXPECT_NE(outcome_of(access_->check_topic("amq.topic", "a", Permission::read)), "ok");
}

TEST_F(UserAccessTest, ImpersonatingNeedsATag) {
  permit("", "", "");
  EXPECT_FALSE(access_->may_impersonate());
  topology_->put_user({.name = "ann", .tags = {"impersonator"}});
  EXPECT_TRUE(access_->may_impersonate());
}

TEST_F(UserAccessTest, MethodsOfTheTopologyAskInRabbitMqsOrder) {
  const auto declare = [&](const ExchangeDeclaration& declaration) {
    return outcome_of(topology_->declare_exchange(*access_, declaration));
  };
  permit("^mine", "", "");
  EXPECT_EQ(declare({.name = "x", .type = "direct"}),
            "403 configure access to exchange 'x' in vhost '/' refused for user 'ann'");
  EXPECT_EQ(
      declare({.name = "mine", .type = "direct", .arguments = {{"alternate-exchange", "other"}}}),
      "403 read access to exchange 'mine' in vhost '/' refused for user 'ann'");
  permit("^mine", "", "^mine");
  EXPECT_EQ(
      declare({.name = "mine", .type = "direct", .arguments = {{"alternate-exchange", "other"}}}),
      "403 write access to exchange 'other' in vhost '/' refused for user 'ann'");
  EXPECT_EQ(outcome_of(topology_->declare_queue(
                *access_, {.name = "mine", .arguments = {{"x-dead-letter-exchange", "other"}}})),
            "403 write access to exchange 'other' in vhost '/' refused for user 'ann'");
  EXPECT_EQ(outcome_of(topology_->declare_queue(*access_, {.name = "other"})),
            "403 configure access to queue 'other' in vhost '/' refused for user 'ann'");
  // A passive declare needs none.
  make_queue("other");
  EXPECT_EQ(outcome_of(topology_->declare_queue(*access_, {.name = "other", .passive = true})),
            "ok");
}

TEST_F(UserAccessTest, BindingAsksForWriteThenTheDefaultExchangeThenRead) {
  const auto bound = [&](const BindingDescription& binding) {
    return outcome_of(topology_->bind(*access_, binding, here));
  };
  permit("", "", "");
  EXPECT_EQ(bound(to_queue("", "q", "")),
            "403 write access to queue 'q' in vhost '/' refused for user 'ann'");
  permit("", "^q", "");
  EXPECT_EQ(bound(to_queue("", "q", "")), "403 operation not permitted on the default exchange");
  // Permission comes before existence.
  EXPECT_EQ(bound(to_queue("none", "q", "")),
            "403 read access to exchange 'none' in vhost '/' refused for user 'ann'");
  permit("", "^q", ".*");
  topology_->put_topic_permissions({"ann", "/", "amq.topic", "", "^a"});
  EXPECT_EQ(bound(to_queue("amq.topic", "q", "b")),
            "403 read access to topic 'b' in exchange 'amq.topic' in vhost '/' refused for user "
            "'ann'");
  EXPECT_EQ(bound(to_queue("amq.topic", "q", "a")), "404 no queue 'q' in vhost '/'");
  // Of topic exchanges alone.
  topology_->put_topic_permissions({"ann", "/", "amq.direct", "", "^a"});
  EXPECT_EQ(bound(to_queue("amq.direct", "q", "b")), "404 no queue 'q' in vhost '/'");
}

}  // namespace
}  // namespace lepus::model
