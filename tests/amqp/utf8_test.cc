#include "amqp/utf8.h"

#include <gtest/gtest.h>

namespace lepus::amqp {
namespace {

TEST(JsonValues, KnowUtf8) {
  EXPECT_TRUE(is_valid_utf8("täxt €𝄞"));
  EXPECT_FALSE(is_valid_utf8("\xFF"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xE2\x82"));
}

}  // namespace
}  // namespace lepus::amqp
