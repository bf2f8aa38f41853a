#include "broker/model/equivalence.h"

#include <string>

#include <gtest/gtest.h>

#include "broker/model/exchange.h"

namespace lepus::model {
namespace {

using amqp::FieldTable;

std::string text_of(const std::optional<ProtocolError>& error) {
  if (!error) {
    return "ok";
  }
  EXPECT_EQ(error->code, amqp::ReplyCode::precondition_failed);
  return error->text;
}

class QueueEquivalenceTest : public ::testing::Test {
 protected:
  QueueEquivalenceTest() {
    queue_.vhost = "/";
    queue_.name = "q";
    queue_.durable = true;
  }

  std::string compare(FieldTable current, const FieldTable& declared) {
    queue_.arguments = std::move(current);
    return text_of(check_equivalent(queue_, true, false, declared));
  }

  QueueRecord queue_;
};

TEST_F(QueueEquivalenceTest, ComparesDurableThenAutoDeleteThenArguments) {
  queue_.arguments = {{"x-expires", std::int32_t{1}}};
  EXPECT_EQ(text_of(check_equivalent(queue_, false, true, {})),
            "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current "
            "is 'true'");
  EXPECT_EQ(text_of(check_equivalent(queue_, true, true, {})),
            "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but "
            "current is 'false'");
  EXPECT_EQ(text_of(check_equivalent(queue_, true, false, {})),
            "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received none but current "
            "is the value '1' of type 'signedint'");
}

TEST_F(QueueEquivalenceTest, PrintsAnArgumentThatIsNewWithItsType) {
  EXPECT_EQ(compare({}, {{"x-max-length", std::int64_t{5}}}),
            "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '5' "
            "of type 'long' but current is none");
}

TEST_F(QueueEquivalenceTest, PrintsTwoDifferentValuesBare) {
  EXPECT_EQ(compare({{"x-overflow", "drop-head"}}, {{"x-overflow", "reject-publish"}}),
            "inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received 'reject-publish' "
            "but current is 'drop-head'");
}

TEST_F(QueueEquivalenceTest, ComparesIntegersByValue) {
  EXPECT_EQ(compare({{"x-expires", std::int8_t{9}}}, {{"x-expires", std::int64_t{9}}}), "ok");
  EXPECT_EQ(compare({{"x-expires", std::int32_t{9}}}, {{"x-expires", std::int32_t{8}}}),
            "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received '8' but current is "
            "'9'");
}

TEST_F(QueueEquivalenceTest, ComparesInRabbitMqsOrder) {
  EXPECT_EQ(compare({}, {{"x-overflow", "drop-head"}, {"x-message-ttl", std::int32_t{1}}}),
            "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1' "
            "of type 'signedint' but current is none");
}

TEST_F(QueueEquivalenceTest, LeavesOutArgumentsThatTheTypeDoesNotKnow) {
  EXPECT_EQ(compare({{"mine", "a"}}, {{"mine", "b"}}), "ok");
  EXPECT_EQ(compare({}, {{"x-delivery-limit", std::int32_t{1}}}), "ok");
}

TEST_F(QueueEquivalenceTest, TakesClassicForWhatIsMeantWithoutAType) {
  EXPECT_EQ(compare({{"x-queue-type", "classic"}}, {}), "ok");
  EXPECT_EQ(compare({}, {{"x-queue-type", "classic"}}), "ok");
  EXPECT_EQ(compare({}, {{"x-queue-type", "quorum"}}),
            "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value "
            "'quorum' of type 'longstr' but current is none");
}

TEST_F(QueueEquivalenceTest, ComparesTheArgumentsOfQuorumQueues) {
  queue_.settings.type = QueueType::quorum;
  const FieldTable current{{"x-queue-type", "quorum"}, {"x-delivery-limit", std::int32_t{1}}};
  EXPECT_EQ(compare(current, {{"x-queue-type", "quorum"}}),
            "inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received none but "
            "current is the value '1' of type 'signedint'");
  EXPECT_EQ(compare(current, {{"x-delivery-limit", std::int32_t{1}}}),
            "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received none but "
            "current is the value 'quorum' of type 'longstr'");
}

TEST(ExchangeEquivalenceTest, ComparesTypeDurableAutoDeleteInternalAndAlternate) {
  const ExchangeRecord current{
      .vhost = "/", .name = "x", .type = ExchangeType::direct, .durable = true};
  ExchangeRecord declared = current;
  declared.arguments = {{"alternate-exchange", "amq.fanout"}, {"other", "ignored"}};
  declared.internal = true;
  declared.auto_delete = true;
  declared.durable = false;
  declared.type = ExchangeType::fanout;
  const std::string prefix = "inequivalent arg '";
  const std::string where = "' for exchange 'x' in vhost '/': received ";
  EXPECT_EQ(text_of(check_equivalent(current, declared)),
            prefix + "type" + where + "'fanout' but current is 'direct'");
  declared.type = current.type;
  EXPECT_EQ(text_of(check_equivalent(current, declared)),
            prefix + "durable" + where + "'false' but current is 'true'");
  declared.durable = true;
  EXPECT_EQ(text_of(check_equivalent(current, declared)),
            prefix + "auto_delete" + where + "'true' but current is 'false'");
  declared.auto_delete = false;
  EXPECT_EQ(text_of(check_equivalent(current, declared)),
            prefix + "internal" + where + "'true' but current is 'false'");
  declared.internal = false;
  EXPECT_EQ(text_of(check_equivalent(current, declared)),
            prefix + "alternate-exchange" + where +
                "the value 'amq.fanout' of type 'longstr' but current is none");
  EXPECT_EQ(text_of(check_equivalent(declared, current)),
            prefix + "alternate-exchange" + where +
                "none but current is the value 'amq.fanout' of type 'longstr'");
  declared.arguments = {{"other", "ignored"}};
  EXPECT_EQ(text_of(check_equivalent(current, declared)), "ok");
}

}  // namespace
}  // namespace lepus::model
