#include "broker/model/pattern.h"

#include <string>

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

bool matches(std::string_view expression, std::string_view name) {
  return Pattern::compile(expression).value().matches(name);
}

TEST(PatternTest, IsSearchedAnywhereInTheName) {
  EXPECT_TRUE(matches("b", "abc"));
  EXPECT_FALSE(matches("^b", "abc"));
  EXPECT_TRUE(matches("^(a|b)c$", "bc"));
  EXPECT_FALSE(matches("B", "abc"));
}

TEST(PatternTest, TheEmptyOneMatchesTheEmptyNameAlone) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
}

TEST(PatternTest, EverythingIsMatchedByDotStar) {
  EXPECT_TRUE(matches(".*", ""));
  EXPECT_TRUE(matches(".*", "\xFF\n"));
}

TEST(PatternTest, NamesAreOctets) {
  EXPECT_TRUE(matches("^..$", "\xC3\xA4"));
  EXPECT_TRUE(matches("\xFF", "a\xFF"));
}

TEST(PatternTest, AWrongOneSaysWhyAndWhere) {
  const auto pattern = Pattern::compile("(");
  ASSERT_FALSE(pattern.has_value());
  EXPECT_EQ(pattern.error().message, "missing )");
  EXPECT_EQ(pattern.error().offset, 1U);
}

TEST(PatternTest, AnEndlessSearchIsCutOff) {
  EXPECT_FALSE(matches("(a+)+$", std::string(200, 'a') + "b"));
}

TEST(PatternTest, AHugeOneIsRefused) {
  EXPECT_FALSE(Pattern::compile(std::string(100'000, 'a')).has_value());
}

}  // namespace
}  // namespace lepus::model
