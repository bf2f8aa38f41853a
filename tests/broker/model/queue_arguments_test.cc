#include "broker/model/queue_arguments.h"

#include <string>

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

using amqp::FieldTable;
using amqp::FieldValue;
using amqp::ReplyCode;

constexpr std::string_view queue = "queue 'q' in vhost '/'";

FieldTable quorum(FieldTable arguments = {}) {
  arguments.set("x-queue-type", "quorum");
  return arguments;
}

/// The text of the refusal, or "ok".
std::string check(const FieldTable& arguments) {
  const auto settings = check_queue_arguments(arguments, queue);
  if (settings) {
    return "ok";
  }
  EXPECT_EQ(settings.error().code, ReplyCode::precondition_failed);
  return settings.error().text;
}

QueueSettings settings_of(const FieldTable& arguments) {
  return check_queue_arguments(arguments, queue).value();
}

struct Refusal {
  FieldTable arguments;
  std::string argument;
  std::string why;
};

class QueueArgumentRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(QueueArgumentRefusalTest, HasRabbitMqsText) {
  const Refusal& refusal = GetParam();
  EXPECT_EQ(check(refusal.arguments),
            "invalid arg '" + refusal.argument + "' for queue 'q' in vhost '/': " + refusal.why);
}

FieldValue number(std::int64_t value) {
  return value;
}

INSTANTIATE_TEST_SUITE_P(
    All, QueueArgumentRefusalTest,
    ::testing::Values(
        Refusal{{{"x-expires", number(0)}}, "x-expires", "{value_zero,0}"},
        Refusal{{{"x-expires", number(-1)}}, "x-expires", "{value_negative,-1}"},
        Refusal{
            {{"x-expires", number(315360000001)}}, "x-expires", "{value_too_large,315360000001}"},
        Refusal{{{"x-dead-letter-exchange", std::string(256, 'x')}},
                "x-dead-letter-exchange",
                "{value_too_long,256}"},
        Refusal{
            {{"x-dead-letter-exchange", "x"}, {"x-dead-letter-routing-key", std::string(256, 'k')}},
            "x-dead-letter-routing-key",
            "{value_too_long,256}"},
        Refusal{{{"x-expires", "1"}}, "x-expires", "\"expected integer, got longstr\""},
        Refusal{{{"x-message-ttl", number(-1)}}, "x-message-ttl", "{value_negative,-1}"},
        Refusal{{{"x-message-ttl", true}}, "x-message-ttl", "\"expected integer, got bool\""},
        Refusal{{{"x-message-ttl", number(315360000001)}},
                "x-message-ttl",
                "{value_too_large,315360000001}"},
        Refusal{{{"x-dead-letter-routing-key", "k"}},
                "x-dead-letter-routing-key",
                "routing_key_but_no_dlx_defined"},
        Refusal{{{"x-dead-letter-exchange", "x"}, {"x-dead-letter-routing-key", std::int32_t{1}}},
                "x-dead-letter-routing-key",
                "{unacceptable_type,signedint}"},
        Refusal{{{"x-max-length", number(-1)}}, "x-max-length", "{value_negative,-1}"},
        Refusal{{{"x-max-length", 1.0}}, "x-max-length", "\"expected integer, got double\""},
        Refusal{{{"x-max-length-bytes", "a"}},
                "x-max-length-bytes",
                "\"expected integer, got longstr\""},
        Refusal{{{"x-max-priority", number(256)}}, "x-max-priority", "{max_value_exceeded,256}"},
        Refusal{{{"x-max-priority", number(-1)}}, "x-max-priority", "{value_negative,-1}"},
        Refusal{{{"x-overflow", "zzz"}}, "x-overflow", "invalid_overflow"},
        Refusal{{{"x-overflow", std::int32_t{1}}}, "x-overflow", "{unacceptable_type,signedint}"},
        Refusal{{{"x-queue-mode", "zzz"}}, "x-queue-mode", "\"unsupported queue mode 'zzz'\""},
        Refusal{
            {{"x-queue-mode", std::int32_t{1}}}, "x-queue-mode", "{unacceptable_type,signedint}"},
        Refusal{{{"x-queue-version", number(0)}},
                "x-queue-version",
                "\"unsupported queue version '0'\""},
        Refusal{{{"x-single-active-consumer", "true"}},
                "x-single-active-consumer",
                "{unacceptable_type,longstr}"},
        Refusal{{{"x-queue-type", "zzz"}}, "x-queue-type", "\"unsupported queue type 'zzz'\""},
        Refusal{{{"x-queue-type", ""}}, "x-queue-type", "\"unsupported queue type ''\""},
        Refusal{
            {{"x-queue-type", std::int32_t{1}}}, "x-queue-type", "{unacceptable_type,signedint}"},
        Refusal{quorum({{"x-dead-letter-strategy", "zzz"}}), "x-dead-letter-strategy",
                "invalid_dlx_strategy"},
        Refusal{quorum({{"x-quorum-initial-group-size", number(0)}}), "x-quorum-initial-group-size",
                "{value_zero,0}"},
        Refusal{quorum({{"x-queue-leader-locator", "zzz"}}), "x-queue-leader-locator",
                "invalid_queue_locator_arg"}));

TEST(QueueArgumentsTest, MakesSettingsOfWhatIsAllowed) {
  const QueueSettings settings = settings_of({{"x-expires", std::int32_t{1000}},
                                              {"x-message-ttl", std::uint8_t{0}},
                                              {"x-dead-letter-exchange", ""},
                                              {"x-dead-letter-routing-key", "k"},
                                              {"x-max-length", std::int64_t{10}},
                                              {"x-max-length-bytes", std::int16_t{0}},
                                              {"x-max-priority", std::int32_t{255}},
                                              {"x-overflow", "reject-publish-dlx"},
                                              {"x-single-active-consumer", true}});
  EXPECT_EQ(settings.type, QueueType::classic);
  EXPECT_EQ(settings.expires_ms, 1000);
  EXPECT_EQ(settings.message_ttl_ms, 0);
  EXPECT_EQ(settings.dead_letter_exchange, "");
  EXPECT_EQ(settings.dead_letter_routing_key, "k");
  EXPECT_EQ(settings.max_length, 10U);
  EXPECT_EQ(settings.max_length_bytes, 0U);
  EXPECT_EQ(settings.max_priority, 255);
  EXPECT_EQ(settings.overflow, QueueSettings::Overflow::reject_publish_dlx);
  EXPECT_TRUE(settings.single_active_consumer);
}

TEST(QueueArgumentsTest, WithoutArgumentsIsAClassicQueueWithoutLimits) {
  const QueueSettings settings = settings_of({});
  EXPECT_EQ(settings.type, QueueType::classic);
  EXPECT_FALSE(settings.expires_ms.has_value());
  EXPECT_FALSE(settings.max_length.has_value());
  EXPECT_FALSE(settings.dead_letter_exchange.has_value());
  EXPECT_EQ(settings.overflow, QueueSettings::Overflow::drop_head);
}

TEST(QueueArgumentsTest, AcceptsWhatItIgnoresAndWhatNobodyKnows) {
  EXPECT_EQ(check({{"x-queue-mode", "lazy"},
                   {"x-queue-version", std::int32_t{2}},
                   {"x-queue-master-locator", "min-masters"},
                   {"x-queue-type", "classic"},
                   {"my-own", amqp::FieldArray{}}}),
            "ok");
}

TEST(QueueArgumentsTest, TakesQuorumQueuesWithTheirOwnArguments) {
  const QueueSettings settings = settings_of(quorum({{"x-delivery-limit", std::int32_t{3}},
                                                     {"x-dead-letter-strategy", "at-least-once"},
                                                     {"x-overflow", "reject-publish-dlx"}}));
  EXPECT_EQ(settings.type, QueueType::quorum);
  EXPECT_EQ(settings.delivery_limit, 3U);
  EXPECT_EQ(settings.overflow, QueueSettings::Overflow::drop_head);
}

TEST(QueueArgumentsTest, AcceptsAnyDeliveryLimit) {
  EXPECT_FALSE(settings_of(quorum({{"x-delivery-limit", std::int32_t{-1}}})).delivery_limit);
  EXPECT_FALSE(settings_of(quorum({{"x-delivery-limit", "many"}})).delivery_limit);
}

TEST(QueueArgumentsTest, KeepsDeadLettersOnlyWithAllThatItTakes) {
  FieldTable arguments = quorum({{"x-dead-letter-exchange", ""},
                                 {"x-dead-letter-strategy", "at-least-once"},
                                 {"x-overflow", "reject-publish"}});
  EXPECT_TRUE(settings_of(arguments).keeps_dead_letters());
  arguments.set("x-overflow", "drop-head");
  EXPECT_FALSE(settings_of(arguments).keeps_dead_letters());
  arguments.set("x-overflow", "reject-publish");
  arguments.erase("x-dead-letter-exchange");
  EXPECT_FALSE(settings_of(arguments).keeps_dead_letters());
}

TEST(QueueArgumentsTest, AcceptsAnyConsumerTimeout) {
  for (const FieldTable& others : {FieldTable{}, quorum()}) {
    const auto timeout = [&](const FieldValue& value) {
      FieldTable arguments = others;
      arguments.set("x-consumer-timeout", value);
      return settings_of(arguments).consumer_timeout_ms;
    };
    EXPECT_EQ(timeout(number(5000)), 5000);
    EXPECT_EQ(timeout(number(0)), 0);
    EXPECT_EQ(timeout(number(-1)), std::nullopt);
    EXPECT_EQ(timeout("5000"), std::nullopt);
  }
}

TEST(QueueArgumentsTest, RefusesTheArgumentsOfOtherTypes) {
  EXPECT_EQ(check({{"x-delivery-limit", std::int32_t{3}}}),
            "invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type "
            "rabbit_classic_queue");
  EXPECT_EQ(check(quorum({{"x-max-priority", std::int32_t{3}}})),
            "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type "
            "rabbit_quorum_queue");
  EXPECT_EQ(check({{"x-max-age", "1h"}}),
            "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type "
            "rabbit_classic_queue");
}

TEST(QueueArgumentsTest, ChecksTheDeadLetterExchangeFirstWithATextOfItsOwn) {
  EXPECT_EQ(check({{"x-expires", std::int32_t{0}},
                   {"x-queue-type", "zzz"},
                   {"x-dead-letter-exchange", std::int32_t{1}}}),
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'");
}

TEST(QueueArgumentsTest, ChecksTheTypeBeforeTheOtherArguments) {
  EXPECT_EQ(check({{"x-expires", std::int32_t{0}}, {"x-queue-type", "zzz"}}),
            "invalid arg 'x-queue-type' for queue 'q' in vhost '/': \"unsupported queue type "
            "'zzz'\"");
}

TEST(QueueArgumentsTest, ChecksInItsOwnOrderWhateverTheClients) {
  EXPECT_EQ(check({{"x-overflow", "zzz"}, {"x-expires", std::int32_t{0}}}),
            "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}");
  EXPECT_EQ(check({{"x-delivery-limit", std::int32_t{1}}, {"x-overflow", "zzz"}}),
            "invalid arg 'x-overflow' for queue 'q' in vhost '/': invalid_overflow");
}

std::string check_quorum(bool durable, bool exclusive, bool auto_delete) {
  const auto error =
      check_queue_properties(QueueType::quorum, durable, exclusive, auto_delete, queue);
  return error ? error->text : "ok";
}

TEST(QueuePropertiesTest, RefusesWhatQuorumQueuesCanNotBe) {
  EXPECT_EQ(check_quorum(true, false, false), "ok");
  EXPECT_EQ(check_quorum(false, false, false),
            "invalid property 'non-durable' for queue 'q' in vhost '/'");
  EXPECT_EQ(check_quorum(false, true, false),
            "invalid property 'exclusive-owner' for queue 'q' in vhost '/'");
  EXPECT_EQ(check_quorum(true, false, true),
            "invalid property 'auto-delete' for queue 'q' in vhost '/'");
  EXPECT_FALSE(check_queue_properties(QueueType::classic, false, true, true, queue).has_value());
}

TEST(QueuePropertiesTest, RefusesServerNamesForOtherTypesThanClassic) {
  EXPECT_FALSE(check_server_named({}).has_value());
  EXPECT_FALSE(check_server_named({{"x-queue-type", "classic"}}).has_value());
  EXPECT_EQ(check_server_named(quorum())->text,
            "Cannot declare a server-named queue for type rabbit_quorum_queue");
  EXPECT_EQ(check_server_named({{"x-queue-type", "stream"}})->text,
            "Cannot declare a server-named queue for type rabbit_stream_queue");
}

}  // namespace
}  // namespace lepus::model
