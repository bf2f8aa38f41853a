#include "broker/model/policy.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "broker/model/policy_check.h"
#include "broker/model/policy_list.h"

namespace lepus::model {
namespace {

using amqp::FieldArray;
using amqp::FieldTable;
using amqp::FieldValue;
using Overflow = QueueSettings::Overflow;

constexpr std::int64_t one = 1;

std::shared_ptr<const Policy> make(FieldTable definition, PolicyTarget apply_to = PolicyTarget::all,
                                   std::string pattern = {}) {
  auto policy = Policy::create({.name = "p",
                                .pattern = std::move(pattern),
                                .apply_to = apply_to,
                                .definition = std::move(definition)});
  return policy ? *std::move(policy) : nullptr;
}

QueueRecord queue(QueueType type = QueueType::classic, std::string name = "q") {
  return QueueRecord{.name = std::move(name), .settings = {.type = type}};
}

/// What is wrong with a policy of that definition, without the heading.
std::string refusal(FieldTable definition, PolicyKind kind = PolicyKind::ordinary) {
  const auto checked =
      check_policy(kind, "/", "p", {{"pattern", "q"}, {"definition", std::move(definition)}});
  const std::string text = checked ? "\n\nnothing\n" : checked.error().text;
  return text.substr(text.find("\n\n") + 2);
}

std::string refusal_of(const FieldTable& value) {
  const auto checked = check_policy(PolicyKind::ordinary, "/", "p", value);
  return checked ? "nothing" : checked.error().text;
}

TEST(PolicyCheck, TakesWhatIsRightAndFillsInTheRest) {
  const auto policy =
      check_policy(PolicyKind::ordinary, "/", "p",
                   {{"pattern", "^q"}, {"definition", FieldTable{{"max-length", one}}}});
  ASSERT_TRUE(policy) << policy.error().text;
  EXPECT_EQ(policy->apply_to, PolicyTarget::all);
  EXPECT_EQ(policy->priority, 0);
  EXPECT_EQ(policy->pattern, "^q");
  const auto whole = check_policy(PolicyKind::by_operator, "v", "p",
                                  {{"pattern", ""},
                                   {"definition", FieldTable{{"expires", one}}},
                                   {"apply-to", "quorum_queues"},
                                   {"priority", std::int64_t{-5}}});
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_EQ(whole->apply_to, PolicyTarget::quorum_queues);
  EXPECT_EQ(whole->priority, -5);
}

TEST(PolicyCheck, NamesTheFirstWrongValueInRabbitMqsWords) {
  const std::int64_t negative = -1;
  EXPECT_EQ(refusal({{"message-ttl", negative}}), "-1 is not a valid message TTL\n");
  EXPECT_EQ(refusal({{"message-ttl", "a"}}), "<<\"a\">> is not a valid message TTL\n");
  EXPECT_EQ(refusal({{"message-ttl", 1.5}}), "1.5 is not a valid message TTL\n");
  EXPECT_EQ(refusal({{"message-ttl", amqp::Void{}}}), "null is not a valid message TTL\n");
  EXPECT_EQ(refusal({{"expires", std::int64_t{0}}}), "0 is not a valid queue expiry\n");
  EXPECT_EQ(refusal({{"max-length", true}}), "true is not a valid maximum length\n");
  EXPECT_EQ(refusal({{"max-length-bytes", FieldTable{{"a", one}}}}),
            "#{<<\"a\">> => 1} is not a valid maximum length in bytes\n");
  EXPECT_EQ(refusal({{"overflow", FieldArray{one}}}), "[1] is not a valid overflow value\n");
  EXPECT_EQ(refusal({{"dead-letter-exchange", one}}),
            "1 is not a valid dead letter exchange name\n");
  EXPECT_EQ(refusal({{"dead-letter-routing-key", one}}),
            "1 is not a valid dead letter routing key\n");
  EXPECT_EQ(refusal({{"dead-letter-strategy", "a"}}),
            "<<\"a\">> is not a valid dead letter strategy\n");
  EXPECT_EQ(refusal({{"delivery-limit", negative}}), "-1 is not a valid delivery limit\n");
  EXPECT_EQ(refusal({{"alternate-exchange", one}}), "1 is not a valid alternate exchange name\n");
  EXPECT_EQ(refusal({{"queue-mode", "a"}}), "<<\"a\">> is not a valid queue-mode value\n");
  EXPECT_EQ(refusal({{"queue-version", std::int64_t{3}}}),
            "3 is not a valid queue-version value\n");
  EXPECT_EQ(refusal({{"max-age", "1"}}), "<<\"1\">> is not a valid max age\n");
  EXPECT_EQ(refusal({{"ha-mode", "a"}}), "<<\"a\">> is not a valid ha-mode value\n");
  EXPECT_EQ(refusal({{"ha-mode", one}}), "1 is not a valid ha-mode value\n");
}

TEST(PolicyCheck, NamesAllUnknownKeys) {
  EXPECT_EQ(refusal({}), "no policy provided\n");
  EXPECT_EQ(refusal({{"bar", true}, {"foo", "x"}, {"max-length", one}}),
            "[{<<\"bar\">>,true},{<<\"foo\">>,<<\"x\">>}] are not recognised policy settings\n");
  EXPECT_EQ(refusal({{"max-priority", one}}),
            "[{<<\"max-priority\">>,1}] are not recognised policy settings\n");
}

TEST(PolicyCheck, AcceptsWhatOtherKindsOfQueuesAndPluginsKnow) {
  EXPECT_EQ(refusal({{"ha-mode", "exactly"}, {"ha-params", std::int64_t{2}}}), "nothing\n");
  EXPECT_EQ(refusal({{"queue-mode", "lazy"}, {"queue-master-locator", "min-masters"}}),
            "nothing\n");
  EXPECT_EQ(refusal({{"max-age", "12h"}, {"federation-upstream-set", "all"}}), "nothing\n");
  EXPECT_EQ(refusal({{"consumer-timeout", one}, {"queue-leader-locator", "balanced"}}),
            "nothing\n");
  EXPECT_EQ(refusal({{"ha-sync-mode", "automatic"}}),
            "ha-mode must be specified to specify ha-params, ha-sync-mode or "
            "ha-promote-on-shutdown\n");
}

TEST(PolicyCheck, OperatorsMaySetLimitsAndAFewOthersOnly) {
  for (const char* key : {"expires", "message-ttl", "max-length", "max-length-bytes",
                          "max-in-memory-length", "max-in-memory-bytes", "delivery-limit"}) {
    EXPECT_EQ(refusal({{key, one}}, PolicyKind::by_operator), "nothing\n") << key;
  }
  EXPECT_EQ(refusal({{"overflow", "drop-head"}}, PolicyKind::by_operator), "nothing\n");
  EXPECT_EQ(refusal({{"queue-mode", "lazy"}}, PolicyKind::by_operator),
            "[{<<\"queue-mode\">>,<<\"lazy\">>}] are not recognised policy settings\n");
}

TEST(PolicyCheck, ComplainsOfEverythingAtOnce) {
  EXPECT_EQ(refusal_of({{"pattern", "("},
                        {"definition", FieldTable{{"expires", "x"}}},
                        {"apply-to", "nope"},
                        {"priority", "a"}}),
            "Validation failed\n\n"
            "<<\"x\">> is not a valid queue expiry\n"
            "apply-to 'nope' unrecognised; should be one of: 'queues', 'classic_queues',  "
            "'quorum_queues', 'streams', 'exchanges', or 'all'\n"
            "pattern should be regular expression but is invalid: {\"missing )\",1}\n"
            "priority should be a number, actually was <<\"a\">>\n");
  EXPECT_EQ(refusal_of({{"pattern", one}, {"definition", FieldTable{{"expires", one}}}}),
            "Validation failed\n\npattern should be a binary but was 1\n");
}

TEST(Policy, IsForNamesThatItsPatternIsFoundIn) {
  const auto policy = make({{"max-length", one}}, PolicyTarget::all, "^a|z$");
  EXPECT_TRUE(policy->applies_to(queue(QueueType::classic, "ab")));
  EXPECT_TRUE(policy->applies_to(queue(QueueType::classic, "xz")));
  EXPECT_FALSE(policy->applies_to(queue(QueueType::classic, "xaxzx")));
  EXPECT_TRUE(policy->applies_to(ExchangeRecord{.name = "a"}));
  EXPECT_TRUE(make({})->applies_to(queue())) << "nothing means everything";
}

TEST(Policy, IsForWhatItAppliesTo) {
  const QueueRecord classic = queue();
  const QueueRecord quorum = queue(QueueType::quorum);
  const ExchangeRecord exchange{.name = "x"};
  const auto applies = [&](PolicyTarget target) {
    const auto policy = make({{"max-length", one}}, target);
    return std::string{policy->applies_to(classic) ? "c" : ""} +
           (policy->applies_to(quorum) ? "q" : "") + (policy->applies_to(exchange) ? "x" : "");
  };
  EXPECT_EQ(applies(PolicyTarget::all), "cqx");
  EXPECT_EQ(applies(PolicyTarget::queues), "cq");
  EXPECT_EQ(applies(PolicyTarget::classic_queues), "c");
  EXPECT_EQ(applies(PolicyTarget::quorum_queues), "q");
  EXPECT_EQ(applies(PolicyTarget::exchanges), "x");
  EXPECT_EQ(applies(PolicyTarget::streams), "");
}

TEST(Policy, IsNotForQueuesThatDoNotKnowAKeyOfIt) {
  EXPECT_FALSE(make({{"delivery-limit", one}, {"max-length", one}})->applies_to(queue()));
  EXPECT_TRUE(make({{"delivery-limit", one}})->applies_to(queue(QueueType::quorum)));
  EXPECT_TRUE(make({{"queue-mode", "lazy"}})->applies_to(queue()));
  EXPECT_FALSE(make({{"queue-mode", "lazy"}})->applies_to(queue(QueueType::quorum)));
}

TEST(PolicyList, TriesByPriorityAndThenByName) {
  PolicyList list;
  const auto put = [&](const char* name, double priority, const char* pattern) {
    list.put(*Policy::create({.name = name, .pattern = pattern, .priority = priority}));
  };
  put("b", 0, "q");
  put("a", 0, "q");
  put("low", -1, "q");
  put("high", 5, "other");
  EXPECT_EQ(list.match(queue())->name(), "a");
  put("low", 9, "q");
  EXPECT_EQ(list.match(queue())->name(), "low");
  EXPECT_EQ(list.all().size(), 4U);
  EXPECT_TRUE(list.erase("low"));
  EXPECT_FALSE(list.erase("low"));
  EXPECT_EQ(list.match(queue(QueueType::classic, "nothing of it")), nullptr);
}

TEST(EffectiveSettings, TheSmallestLimitOfAllCounts) {
  QueueRecord record = queue();
  record.settings.max_length = 20;
  record.settings.message_ttl_ms = 50;
  const AppliedPolicies policies{
      make(
          {{"max-length", std::int64_t{10}}, {"message-ttl", std::int64_t{100}}, {"expires", one}}),
      make({{"max-length", std::int64_t{30}}, {"max-length-bytes", std::int64_t{7}}})};
  const QueueSettings settings = effective_settings(record, policies);
  EXPECT_EQ(settings.max_length, 10U);
  EXPECT_EQ(settings.max_length_bytes, 7U);
  EXPECT_EQ(settings.message_ttl_ms, 50);
  EXPECT_EQ(settings.expires_ms, 1);
  EXPECT_EQ(merged_definition(policies).find("max-length")->as_integer(), 10);
  EXPECT_EQ(merged_definition(policies).size(), 4U);
  EXPECT_EQ(effective_settings(record, {}), record.settings);
}

TEST(EffectiveSettings, ArgumentsWinOverPoliciesElsewhere) {
  QueueRecord record = queue();
  record.settings.dead_letter_exchange = "mine";
  record.arguments = {{"x-overflow", "reject-publish"}};
  record.settings.overflow = Overflow::reject_publish;
  const auto policy = make({{"dead-letter-exchange", "theirs"},
                            {"dead-letter-routing-key", "key"},
                            {"overflow", "drop-head"}});
  const QueueSettings settings = effective_settings(record, {policy, nullptr});
  EXPECT_EQ(settings.dead_letter_exchange, "mine");
  EXPECT_EQ(settings.dead_letter_routing_key, "key");
  EXPECT_EQ(settings.overflow, Overflow::reject_publish);
  record.settings.type = QueueType::quorum;
  EXPECT_EQ(effective_settings(record, {policy, nullptr}).overflow, Overflow::drop_head);
}

TEST(EffectiveSettings, QuorumQueuesHaveADeliveryLimitByPolicy) {
  const auto policy = make({{"delivery-limit", std::int64_t{3}}});
  EXPECT_EQ(effective_settings(queue(QueueType::quorum), {policy, nullptr}).delivery_limit, 3U);
}

TEST(EffectiveSettings, TheShorterConsumerTimeoutCounts) {
  const auto timeout = [](std::optional<std::int64_t> argument,
                          std::optional<std::int64_t> by_policy) {
    QueueRecord record = queue();
    record.settings.consumer_timeout_ms = argument;
    const auto policy =
        by_policy ? make({{"consumer-timeout", *by_policy}}) : make({{"max-length", one}});
    return effective_settings(record, {policy, nullptr}).consumer_timeout_ms;
  };
  EXPECT_EQ(timeout(5000, 7000), 5000);
  EXPECT_EQ(timeout(7000, 5000), 5000);
  EXPECT_EQ(timeout(7000, std::nullopt), 7000);
  EXPECT_EQ(timeout(std::nullopt, 7000), 7000);
  EXPECT_EQ(timeout(std::nullopt, std::nullopt), std::nullopt);
  EXPECT_EQ(timeout(7000, 0), 7000) << "0 is no timeout";
  EXPECT_EQ(timeout(0, 0), 0);
}

TEST(EffectiveSettings, DeadLettersAreKeptByQuorumQueuesThatRefusePublishes) {
  const auto keeps = [](QueueType type, const char* overflow, const char* strategy,
                        FieldTable arguments = {}) {
    QueueRecord record = queue(type);
    record.arguments = std::move(arguments);
    const auto policy = make({{"dead-letter-exchange", "x"},
                              {"overflow", overflow},
                              {"dead-letter-strategy", strategy}});
    return effective_settings(record, {policy, nullptr}).keeps_dead_letters();
  };
  EXPECT_TRUE(keeps(QueueType::quorum, "reject-publish", "at-least-once"));
  EXPECT_FALSE(keeps(QueueType::quorum, "drop-head", "at-least-once"));
  EXPECT_FALSE(keeps(QueueType::quorum, "reject-publish", "at-most-once"));
  EXPECT_FALSE(keeps(QueueType::classic, "reject-publish", "at-least-once"));
  EXPECT_FALSE(keeps(QueueType::quorum, "reject-publish", "at-least-once",
                     {{"x-dead-letter-strategy", "at-most-once"}}))
      << "the argument counts";
}

TEST(EffectiveSettings, EndlessTimesAreCutToWhatCanBeCounted) {
  const auto policy = make({{"message-ttl", std::numeric_limits<std::int64_t>::max()}});
  EXPECT_LT(effective_settings(queue(), {policy, nullptr}).message_ttl_ms,
            std::int64_t{1'000'000'000'000});
}

}  // namespace
}  // namespace lepus::model
