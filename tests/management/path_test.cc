#include "management/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lepus::management {
namespace {

using ::testing::ElementsAre;

TEST(Path, IsSplitBeforeItIsDecoded) {
  const auto target = parse_target("/api/queues/%2F/a%2fb");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("api", "queues", "/", "a/b"));
}

TEST(Path, IgnoresOneTrailingSlash) {
  EXPECT_THAT(parse_target("/api/queues/")->segments, ElementsAre("api", "queues"));
  EXPECT_THAT(parse_target("/api//queues")->segments, ElementsAre("api", "", "queues"));
  EXPECT_TRUE(parse_target("/")->segments.empty());
}

TEST(Path, RefusesBrokenEscapes) {
  EXPECT_FALSE(parse_target("/api/%2"));
  EXPECT_FALSE(parse_target("/api/%zz"));
  EXPECT_FALSE(parse_target("api"));
}

TEST(Path, KeepsAPlusButQueriesHaveSpaces) {
  const auto target = parse_target("/a+b?name=x+y%2B&empty=&flag");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("a+b"));
  EXPECT_EQ(target->query.at("name"), "x y+");
  EXPECT_EQ(target->query.at("empty"), "");
  EXPECT_EQ(target->query.at("flag"), "");
}

TEST(Path, EncodesNamesAsFormsDo) {
  EXPECT_EQ(form_encode("a b/c~d%"), "a+b%2Fc%7Ed%25");
  EXPECT_EQ(percent_encode("a+b%2F~"), "a%2Bb%252F~");
}

}  // namespace
}  // namespace lepus::management
