#include "storage/record_format.h"

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lepus::storage {
namespace {

constexpr std::uint64_t number_max = std::numeric_limits<std::uint64_t>::max();

std::string bytes(std::initializer_list<int> values) {
  return {values.begin(), values.end()};
}

TEST(RecordFormat, MessageKeyIsBigEndianQueuePriorityPosition) {
  const MessageKeyBytes key =
      encode_message_key({QueueId{0x0102030405060708}, 9, 0x1112131415161718});
  EXPECT_EQ(view_of(key),
            bytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18}));
}

TEST(RecordFormat, MessageKeysSortAsTheirNumbers) {
  const MessageKey rising[] = {{QueueId{1}, 0, 0},   {QueueId{1}, 0, 255},
                               {QueueId{1}, 0, 256}, {QueueId{1}, 0, number_max},
                               {QueueId{1}, 127, 0}, {QueueId{1}, 128, 0},
                               {QueueId{1}, 255, 0}, {QueueId{2}, 0, 0},
                               {QueueId{256}, 0, 0}, {QueueId{number_max}, 255, number_max}};
  for (std::size_t i = 1; i < std::size(rising); ++i) {
    const MessageKeyBytes before = encode_message_key(rising[i - 1]);
    const MessageKeyBytes after = encode_message_key(rising[i]);
    EXPECT_LT(view_of(before), view_of(after)) << i;
  }
}

TEST(RecordFormat, MessageKeyOfAnotherLengthIsNone) {
  const MessageKeyBytes key = encode_message_key({QueueId{7}, 3, 99});
  const auto decoded = decode_message_key(view_of(key));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->queue, QueueId{7});
  EXPECT_EQ(decoded->priority, 3);
  EXPECT_EQ(decoded->position, 99u);
  EXPECT_FALSE(decode_message_key(view_of(key).substr(1)));
  EXPECT_FALSE(decode_message_key(std::string(view_of(key)) + "x"));
  EXPECT_FALSE(decode_message_key(""));
}

TEST(RecordFormat, NumberHasExactlyEightBytes) {
  EXPECT_EQ(decode_number(view_of(encode_number(0x0102))), 0x0102u);
  EXPECT_EQ(view_of(encode_number(0x0102)), bytes({0, 0, 0, 0, 0, 0, 1, 2}));
  EXPECT_FALSE(decode_number("1234567"));
  EXPECT_FALSE(decode_number("123456789"));
}

TEST(RecordFormat, LastNumberKeyNamesItsLog) {
  EXPECT_EQ(encode_last_number_key(64), "last_number/" + bytes({0, 0, 0, 64}));
  EXPECT_EQ(decode_last_number_key(encode_last_number_key(64)), 64u);
  EXPECT_FALSE(decode_last_number_key("last_number/123"));
  EXPECT_FALSE(decode_last_number_key("last_numbers1234"));
}

QueueProgress full_progress() {
  SubQueueProgress low{.priority = 0,
                       .next_position = 300,
                       .floor = 100,
                       .settled = {{110, 111}, {120, 250}},
                       .delivered_below = 299,
                       .returned = {{{100, 105}, 2}, {{105, 106}, 4'000'000'000}},
                       .stored_count = 128,
                       .stored_bytes = 1 << 20,
                       .had_consumer = true};
  SubQueueProgress high{.priority = 255,
                        .next_position = number_max,
                        .floor = number_max,
                        .delivered_below = number_max,
                        .stored_count = number_max,
                        .stored_bytes = number_max};
  return {{low, high}};
}

TEST(RecordFormat, ProgressComesBackAsItWas) {
  for (const QueueProgress& progress :
       {QueueProgress{}, full_progress(), QueueProgress{{SubQueueProgress{}}}}) {
    const auto decoded = decode_progress(encode_progress(progress));
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_EQ(*decoded, progress);
  }
}

TEST(RecordFormat, ProgressBytesAreAsDocumented) {
  SubQueueProgress sub_queue{.priority = 5,
                             .next_position = 300,
                             .floor = 100,
                             .settled = {{101, 103}},
                             .delivered_below = 200,
                             .returned = {{{100, 101}, 1}},
                             .stored_count = 10,
                             .stored_bytes = 20,
                             .had_consumer = true};
  EXPECT_EQ(encode_progress({{sub_queue}}),
            bytes({1, 1, 5, 1, 100, 0xc8, 1, 0xc8, 1, 10, 20, 1, 1, 2, 1, 100, 1, 1}));
}

TEST(RecordFormat, PagedProgressAndItsPagesAreAsDocumented) {
  const ProgressPage page{
      .begin = 1000, .settled = {{1001, 1003}, {1005, 5000}}, .returned = {{{1000, 1001}, 3}}};
  SubQueueProgress sub_queue{.priority = 5,
                             .next_position = 300,
                             .floor = 100,
                             .delivered_below = 200,
                             .stored_count = 10,
                             .stored_bytes = 20,
                             .page_count = 130};
  const std::string record = bytes({1, 1, 5, 4, 100, 0xc8, 1, 0xc8, 1, 10, 20, 0x82, 1});
  EXPECT_EQ(encode_progress({{sub_queue}}), record);
  ASSERT_TRUE(decode_progress(record));
  EXPECT_EQ(decode_progress(record)->sub_queues[0], sub_queue);
  const std::string value = bytes({1, 2, 1, 2, 2, 0x9b, 0x1f, 1, 0, 1, 3});
  EXPECT_EQ(encode_progress_page(page), value);
  const auto decoded = decode_progress_page(1000, value);
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(*decoded, page);
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(decode_progress_page(1000, value.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_progress_page(1000, value + '\0'));
  EXPECT_FALSE(decode_progress_page(1000, bytes({1, 0, 0}))) << "an empty page";
  EXPECT_FALSE(decode_progress_page(1000, bytes({2, 1, 0, 1, 0}))) << "of another version";
}

TEST(RecordFormat, UsualProgressIsSmall) {
  SubQueueProgress sub_queue{.next_position = 1'000'000'100,
                             .floor = 1'000'000'000,
                             .delivered_below = 1'000'000'100,
                             .stored_count = 100,
                             .stored_bytes = std::uint64_t{100} * 1024};
  EXPECT_LE(encode_progress({{sub_queue}}).size(), 24u);
}

TEST(RecordFormat, EveryShortenedProgressIsRefused) {
  const std::string whole = encode_progress(full_progress());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_progress(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_progress(whole + '\0'));
}

TEST(RecordFormat, ProgressOfAnotherVersionIsRefusedByItsNumber) {
  std::string newer = encode_progress(full_progress());
  newer[0] = 2;
  const auto decoded = decode_progress(newer);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().text, ::testing::HasSubstr("version 2"));
}

TEST(RecordFormat, HugeCountsInShortRecordsTakeNoMemory) {
  const std::string huge = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  EXPECT_FALSE(decode_progress(bytes({1}) + huge));
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 0, 0, 0, 0, 0, 0}) + huge));
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 0, 0, 0, 0, 0, 0, 0}) + huge));
}

TEST(RecordFormat, WhatTheEncoderNeverWritesIsRefused) {
  const std::string head = bytes({1, 1, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_TRUE(decode_progress(head + bytes({0, 0})));
  EXPECT_FALSE(decode_progress(head + bytes({1, 1, 0, 0}))) << "an empty settled range";
  EXPECT_FALSE(decode_progress(head + bytes({0, 1, 0, 0, 1}))) << "an empty returned range";
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0}))) << "an unknown flag";
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 4, 0, 0, 0, 0, 0, 0}))) << "paged, without pages";
  EXPECT_TRUE(decode_progress(bytes({1, 1, 0, 4, 0, 0, 0, 0, 0, 1})));
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0}))) << "a long zero";
  const std::string sub_queue = bytes({3, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_FALSE(decode_progress(bytes({1, 2}) + sub_queue + sub_queue)) << "a priority twice";
  const std::string max = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  EXPECT_TRUE(decode_progress(bytes({1, 1, 0, 0}) + max + bytes({0, 0, 0, 0, 0, 0})));
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 0}) + max + bytes({1, 0, 0, 0, 0, 0})))
      << "an end beyond the last number";
  const std::string too_long = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02});
  EXPECT_FALSE(decode_progress(bytes({1, 1, 0, 0}) + too_long + bytes({0, 0, 0, 0, 0, 0})));
}

TEST(RecordFormat, AnyBytesAreEitherRefusedOrWhatTheEncoderWrites) {
  std::mt19937 random(20240601);
  const std::string whole = encode_progress(full_progress());
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string changed = whole;
    for (std::uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    const auto decoded = decode_progress(changed);
    if (decoded) {
      accepted += 1;
      ASSERT_EQ(encode_progress(*decoded), changed);
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(RecordFormat, ARowIsWholeOrNamesItsBody) {
  const std::string row = bytes({0, 'r', 'o', 'w'});
  const auto whole = decode_row_value(row);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->body_key);
  EXPECT_EQ(whole->payload, "row");
  const MessageKey key{QueueId{7}, 1, 9};
  std::string shared(1, row_with_shared_body);
  shared += view_of(encode_message_key(key));
  EXPECT_EQ(decode_row_value(shared)->body_key, key);
  EXPECT_EQ(decode_row_value(shared + "head")->payload, "head");
  EXPECT_FALSE(decode_row_value(""));
  EXPECT_FALSE(decode_row_value(bytes({2, 'x'})));
  EXPECT_FALSE(decode_row_value(shared.substr(0, shared.size() - 1)));
}

TEST(RecordFormat, ABodyNamesItsOtherOwners) {
  const MessageKey owners[] = {{QueueId{1}, 0, 2}, {QueueId{3}, 4, 5}, {QueueId{6}, 0, 7}};
  const std::string value = encode_body_owners(owners) + "body";
  const auto decoded = decode_body_value(value);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->other_owners, (std::vector<MessageKey>{owners[1], owners[2]}));
  EXPECT_EQ(decoded->body, "body");
  EXPECT_EQ(decode_body_value(encode_body_owners({owners, 1}))->body, "");
  EXPECT_FALSE(decode_body_value(""));
  EXPECT_FALSE(decode_body_value(bytes({0}))) << "a body is somebody's";
  EXPECT_FALSE(decode_body_value(value.substr(0, 20)));
}

}  // namespace
}  // namespace lepus::storage
