#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using amqp::FieldTable;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TopologyPolicies : public TopologyFixture {
 protected:
  void put(std::string name, std::string pattern, FieldTable definition, double priority = 0,
           PolicyKind kind = PolicyKind::ordinary) {
    const auto ticket = topology_->put_policy({.kind = kind,
                                               .vhost = "/",
                                               .name = std::move(name),
                                               .pattern = std::move(pattern),
                                               .priority = priority,
                                               .definition = std::move(definition)});
    ASSERT_TRUE(ticket) << ticket.error().text;
    EXPECT_NE(*ticket, 0U);
  }

  std::optional<std::uint64_t> max_length(const std::string& queue) {
    return topology_->settings_of(topology_->find_queue("/", queue))->max_length;
  }

  static FieldTable length(std::int64_t value) { return {{"max-length", value}}; }
};

TEST_F(TopologyPolicies, QueuesFollowThemWhetherTheyCameBeforeOrAfter) {
  make_queue("q1");
  put("p", "^q", length(3));
  make_queue("q2");
  make_queue("other");
  EXPECT_EQ(max_length("q1"), 3U);
  EXPECT_EQ(max_length("q2"), 3U);
  EXPECT_EQ(max_length("other"), std::nullopt);
  put("p", "other", length(4));
  EXPECT_EQ(max_length("q1"), std::nullopt);
  EXPECT_EQ(max_length("other"), 4U);
  EXPECT_NE(topology_->delete_policy(PolicyKind::ordinary, "/", "p"), 0U);
  EXPECT_EQ(max_length("other"), std::nullopt);
  EXPECT_EQ(topology_->delete_policy(PolicyKind::ordinary, "/", "p"), 0U);
}

TEST_F(TopologyPolicies, SettingsStayTheSameObjectUntilTheyChange) {
  const auto queue = make_queue("q");
  const auto before = topology_->settings_of(queue);
  EXPECT_EQ(before.get(), &queue->settings);
  put("p", "^q", length(3));
  const auto with_policy = topology_->settings_of(queue);
  EXPECT_NE(with_policy, before);
  put("unrelated", "^z", length(1), 9);
  EXPECT_EQ(topology_->settings_of(queue), with_policy);
}

TEST_F(TopologyPolicies, TheVersionRisesWithEveryChange) {
  const auto before = topology_->policies_version();
  put("p", "^q", length(3));
  const auto after = topology_->policies_version();
  EXPECT_GT(after, before);
  topology_->delete_policy(PolicyKind::ordinary, "/", "p");
  EXPECT_GT(topology_->policies_version(), after);
}

TEST_F(TopologyPolicies, BothKindsAreToldApart) {
  const auto queue = make_queue("q");
  put("same", "^q", length(5));
  put("same", "^q", length(2), 0, PolicyKind::by_operator);
  EXPECT_EQ(max_length("q"), 2U);
  const AppliedPolicies applied = topology_->policies_of(*queue);
  EXPECT_EQ(applied.policy->description().kind, PolicyKind::ordinary);
  EXPECT_EQ(applied.operator_policy->description().kind, PolicyKind::by_operator);
  topology_->delete_policy(PolicyKind::by_operator, "/", "same");
  EXPECT_EQ(max_length("q"), 5U);
}

TEST_F(TopologyPolicies, TheyAreThereAfterARestart) {
  make_queue("q");
  declare_exchange("x", "direct");
  put("p", "^q", {{"max-length", std::int64_t{3}}, {"overflow", "reject-publish"}}, -2);
  put("o", "", length(2), 7, PolicyKind::by_operator);
  put("ae", "^x", {{"alternate-exchange", "amq.fanout"}});
  put("gone", "^q", length(1));
  topology_->delete_policy(PolicyKind::ordinary, "/", "gone");
  restart();
  EXPECT_EQ(max_length("q"), 2U);
  const auto policy = topology_->find_policy(PolicyKind::ordinary, "/", "p");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->pattern, "^q");
  EXPECT_EQ(policy->priority, -2);
  EXPECT_EQ(policy->definition.find("overflow")->as_string()[0], "reject-publish");
  EXPECT_EQ(topology_->find_policy(PolicyKind::by_operator, "/", "o")->priority, 7);
  EXPECT_EQ(topology_->list_policies(PolicyKind::ordinary, "").size(), 2U);
  make_queue("all");
  bind("amq.fanout", "all", "");
  EXPECT_THAT(routed("x", "nobody"), ElementsAre("all"));
}

TEST_F(TopologyPolicies, TheyEndWithTheirVhost) {
  ASSERT_TRUE(topology_->put_vhost({.name = "v"}));
  ASSERT_TRUE(topology_->put_policy({.vhost = "v", .name = "p", .definition = length(1)}));
  ASSERT_TRUE(topology_->delete_vhost("v"));
  EXPECT_FALSE(topology_->put_policy({.vhost = "v", .name = "p"}));
  restart();
  ASSERT_TRUE(topology_->put_vhost({.name = "v"}));
  EXPECT_THAT(topology_->list_policies(PolicyKind::ordinary, "v"), IsEmpty());
}

TEST_F(TopologyPolicies, AnAlternateExchangeComesAndGoesWithItsPolicy) {
  declare_exchange("x", "direct");
  make_queue("q");
  make_queue("r");
  bind("amq.fanout", "q", "");
  bind("amq.topic", "r", "#");
  EXPECT_THAT(routed("x", "k"), IsEmpty());
  const auto version = topology_->find_exchange("/", "x")->version();
  put("p", "^x$", {{"alternate-exchange", "amq.fanout"}});
  EXPECT_GT(topology_->find_exchange("/", "x")->version(), version) << "cached routes must go";
  EXPECT_THAT(routed("x", "k"), ElementsAre("q"));
  put("p", "^x$", {{"alternate-exchange", "amq.topic"}});
  EXPECT_THAT(routed("x", "k"), ElementsAre("r"));
  topology_->delete_policy(PolicyKind::ordinary, "/", "p");
  EXPECT_THAT(routed("x", "k"), IsEmpty());
}

TEST_F(TopologyPolicies, TheArgumentsAlternateExchangeWins) {
  declare_exchange("x", "direct",
                   {.durable = true, .arguments = {{"alternate-exchange", "amq.fanout"}}});
  make_queue("q");
  bind("amq.fanout", "q", "");
  put("p", "^x$", {{"alternate-exchange", "amq.topic"}});
  EXPECT_THAT(routed("x", "k"), ElementsAre("q"));
  EXPECT_EQ(topology_->policy_of(*topology_->find_exchange("/", "x"))->name(), "p");
}

TEST_F(TopologyPolicies, AnExchangeWithAnAlternateByPolicyCanBeDeleted) {
  declare_exchange("x", "direct");
  put("p", "^x$", {{"alternate-exchange", "y"}});
  ASSERT_TRUE(topology_->delete_exchange(*guest_, "x", false));
  declare_exchange("y", "fanout");
  declare_exchange("x", "direct");
  make_queue("q");
  bind("y", "q", "");
  EXPECT_THAT(routed("x", "k"), ElementsAre("q"));
}

TEST_F(TopologyPolicies, DeclarationsAreComparedByTheirArgumentsAlone) {
  make_queue("q", {.durable = true, .arguments = {{"x-max-length", std::int64_t{9}}}});
  put("p", "^q", length(3));
  EXPECT_EQ(outcome_of(declare_queue(
                "q", {.durable = true, .arguments = {{"x-max-length", std::int64_t{9}}}})),
            "ok");
  EXPECT_EQ(max_length("q"), 3U);
}

TEST_F(TopologyPolicies, ADeclarationTellsThatThePolicyLetsTheQueueExpire) {
  put("p", "^q", {{"expires", std::int64_t{1000}}});
  EXPECT_TRUE(declare_queue("q")->expires);
  EXPECT_FALSE(declare_queue("other")->expires);
}

}  // namespace
}  // namespace lepus::model
