#include "broker/model/headers_exchange.h"

#include <gtest/gtest.h>

#include "broker/model/field_comparison.h"

namespace lepus::model {
namespace {

using amqp::FieldTable;
using amqp::FieldValue;

bool matches(const FieldTable& arguments, const FieldTable& headers) {
  return headers_match(make_headers_pattern(arguments), &headers);
}

TEST(HeadersPatternTest, AsksForAllHeadersUnlessToldOtherwise) {
  const FieldTable arguments{{"a", "1"}, {"b", "2"}};
  EXPECT_TRUE(matches(arguments, {{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_FALSE(matches(arguments, {{"a", "1"}}));
  EXPECT_FALSE(matches(arguments, {{"a", "1"}, {"b", "3"}}));
}

TEST(HeadersPatternTest, AsksForOneHeaderWithAny) {
  const FieldTable arguments{{"x-match", "any"}, {"a", "1"}, {"b", "2"}};
  EXPECT_TRUE(matches(arguments, {{"b", "2"}}));
  EXPECT_FALSE(matches(arguments, {{"a", "2"}, {"b", "1"}}));
  EXPECT_FALSE(matches(arguments, {}));
}

TEST(HeadersPatternTest, LeavesOutNamesThatBeginWithXUnlessTheModeSaysWithX) {
  EXPECT_TRUE(matches({{"x-match", "all"}, {"a", "1"}, {"x-b", "2"}}, {{"a", "1"}}));
  EXPECT_FALSE(matches({{"x-match", "all-with-x"}, {"a", "1"}, {"x-b", "2"}}, {{"a", "1"}}));
  EXPECT_TRUE(
      matches({{"x-match", "all-with-x"}, {"a", "1"}, {"x-b", "2"}}, {{"a", "1"}, {"x-b", "2"}}));
  EXPECT_FALSE(matches({{"x-match", "any"}, {"a", "1"}, {"x-b", "2"}}, {{"x-b", "2"}}));
  EXPECT_TRUE(matches({{"x-match", "any-with-x"}, {"a", "1"}, {"x-b", "2"}}, {{"x-b", "2"}}));
}

TEST(HeadersPatternTest, NeverComparesTheModeItself) {
  EXPECT_FALSE(matches({{"x-match", "any-with-x"}}, {{"x-match", "any-with-x"}}));
  EXPECT_TRUE(matches({{"x-match", "all-with-x"}}, {}));
}

TEST(HeadersPatternTest, WithoutKeysAllMatchesAndAnyDoesNot) {
  EXPECT_TRUE(matches({}, {{"a", "1"}}));
  EXPECT_TRUE(headers_match(make_headers_pattern({}), nullptr));
  EXPECT_FALSE(matches({{"x-match", "any"}}, {{"a", "1"}}));
  EXPECT_FALSE(headers_match(make_headers_pattern({{"x-match", "any"}}), nullptr));
}

TEST(HeadersPatternTest, AVoidValueAsksForThePresenceAlone) {
  const FieldTable arguments{{"a", amqp::Void{}}};
  EXPECT_TRUE(matches(arguments, {{"a", "anything"}}));
  EXPECT_TRUE(matches(arguments, {{"a", amqp::Void{}}}));
  EXPECT_FALSE(matches(arguments, {{"b", "anything"}}));
}

TEST(FieldComparisonTest, ComparesNumbersByValueAcrossWidthsAndFloats) {
  EXPECT_TRUE(equal_values(std::int8_t{1}, std::int64_t{1}));
  EXPECT_TRUE(equal_values(std::uint32_t{1}, 1.0));
  EXPECT_TRUE(equal_values(1.5F, 1.5));
  EXPECT_TRUE(equal_values(amqp::Timestamp{5}, std::int32_t{5}));
  EXPECT_FALSE(equal_values(std::int32_t{1}, std::int32_t{2}));
  EXPECT_FALSE(equal_values(std::int64_t{9007199254740993}, 9007199254740992.0));
}

TEST(FieldComparisonTest, NeverTakesOneKindForAnother) {
  EXPECT_FALSE(equal_values(std::int32_t{1}, "1"));
  EXPECT_FALSE(equal_values(std::int32_t{1}, true));
  EXPECT_FALSE(equal_values("true", true));
  EXPECT_FALSE(equal_values(amqp::Void{}, false));
}

TEST(FieldComparisonTest, ComparesTablesAndArraysElementByElement) {
  EXPECT_TRUE(
      equal_values(amqp::FieldArray{"a", std::int32_t{1}}, amqp::FieldArray{"a", std::int32_t{1}}));
  EXPECT_FALSE(equal_values(amqp::FieldArray{std::int32_t{1}}, amqp::FieldArray{std::int64_t{1}}));
  EXPECT_FALSE(equal_values(amqp::FieldArray{"a"}, amqp::FieldArray{"a", "b"}));
  EXPECT_TRUE(equal_values(FieldTable{{"a", "b"}}, FieldTable{{"a", "b"}}));
  EXPECT_FALSE(equal_values(FieldTable{{"a", "b"}}, FieldTable{{"a", "c"}}));
}

TEST(FieldComparisonTest, TellsIntegersFromFloatsWhenIdentityIsAskedFor) {
  EXPECT_TRUE(identical_values(std::int8_t{1}, std::int64_t{1}));
  EXPECT_FALSE(identical_values(std::int8_t{1}, 1.0));
}

TEST(HeadersBindingTest, AcceptsTheFourModesAndNone) {
  for (const char* mode : {"all", "any", "all-with-x", "any-with-x"}) {
    EXPECT_FALSE(check_headers_binding({{"x-match", mode}}).has_value()) << mode;
  }
  EXPECT_FALSE(check_headers_binding({}).has_value());
}

TEST(HeadersBindingTest, RefusesOtherModes) {
  const auto value = check_headers_binding({{"x-match", "foo"}});
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->code, amqp::ReplyCode::precondition_failed);
  EXPECT_EQ(value->text,
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or "
            "any-with-x");
  const auto type = check_headers_binding({{"x-match", std::int32_t{5}}});
  ASSERT_TRUE(type.has_value());
  EXPECT_EQ(type->text, "Invalid x-match field type signedint (value 5); expected longstr");
}

TEST(HeadersExchangeTest, KeepsPatternsWithTheirBindingsWhenOneIsRemoved) {
  HeadersExchange exchange{{.vhost = "/", .name = "h", .type = ExchangeType::headers}};
  Binding bindings[3];
  for (int i = 0; i < 3; ++i) {
    bindings[i].arguments = {{"n", std::int32_t{i}}};
    exchange.add_binding(bindings[i]);
  }
  exchange.remove_binding(bindings[0]);
  for (int i = 0; i < 3; ++i) {
    const FieldTable headers{{"n", std::int64_t{i}}};
    std::vector<const Binding*> matched;
    exchange.match({.routing_keys = {}, .headers = &headers}, matched);
    if (i == 0) {
      EXPECT_TRUE(matched.empty());
    } else {
      ASSERT_EQ(matched.size(), 1U);
      EXPECT_EQ(matched.front(), &bindings[i]);
    }
  }
  exchange.remove_binding(bindings[2]);
  exchange.remove_binding(bindings[1]);
}

}  // namespace
}  // namespace lepus::model
