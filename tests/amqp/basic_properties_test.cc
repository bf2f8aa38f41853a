#include "amqp/basic_properties.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

/// Sets the properties whose flags are set, in the order of the list.
BasicProperties properties_with(unsigned mask, std::string_view headers) {
  BasicProperties properties;
  unsigned flag = 1;
  BasicProperties::visit_fields(properties,
                                [&]<typename T>(std::string_view name, std::optional<T>& field) {
                                  if ((mask & flag) != 0) {
                                    if constexpr (std::is_same_v<T, std::string_view>) {
                                      field = name;
                                    } else if constexpr (std::is_same_v<T, FieldTableView>) {
                                      field = FieldTableView{headers};
                                    } else {
                                      field = static_cast<T>(flag % 251);
                                    }
                                  }
                                  flag <<= 1U;
                                });
  return properties;
}

TEST(BasicProperties, in_any_combination_survive_encoding_and_scan_to_the_same_values) {
  const std::string headers = FieldTable{{"h", "v"}}.encode();
  for (unsigned mask = 0; mask < 1U << 14U; ++mask) {
    const BasicProperties properties = properties_with(mask, headers);
    const std::string bytes = encode_properties(properties);
    ASSERT_EQ(bytes.size(), encoded_size(properties));
    ASSERT_EQ(decode_properties(bytes), properties) << mask;
    PropertyScan scan;
    ASSERT_TRUE(scan_properties(bytes, scan)) << mask;
    ASSERT_EQ(scan.delivery_mode, properties.delivery_mode.value_or(0));
    ASSERT_EQ(scan.priority, properties.priority);
    ASSERT_EQ(scan.expiration, properties.expiration);
    ASSERT_EQ(scan.reply_to, properties.reply_to);
    ASSERT_EQ(scan.user_id, properties.user_id);
    ASSERT_EQ(scan.headers, properties.headers.value_or(FieldTableView{}));
  }
}

TEST(BasicProperties, have_the_flags_of_the_specification) {
  EXPECT_EQ(encode_properties(BasicProperties{}), empty_property_bytes);
  EXPECT_EQ(encode_properties(BasicProperties{.content_type = "a"}), octets({0x80, 0, 1, 'a'}));
  EXPECT_EQ(encode_properties(BasicProperties{.delivery_mode = 2, .priority = 9}),
            octets({0x18, 0, 2, 9}));
  EXPECT_EQ(encode_properties(BasicProperties{.cluster_id = "c"}), octets({0, 4, 1, 'c'}));
}

TEST(BasicProperties, cut_anywhere_are_refused_and_never_read_past_the_end) {
  const std::string headers = table_of_every_type().encode();
  const std::string bytes = encode_properties(properties_with((1U << 14U) - 1, headers));
  PropertyScan scan;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const ExactBuffer part{std::string_view{bytes}.substr(0, size)};
    EXPECT_FALSE(decode_properties(part.view()).has_value()) << size;
    EXPECT_FALSE(scan_properties(part.view(), scan)) << size;
  }
}

TEST(BasicProperties, that_are_broken_are_refused) {
  struct Row {
    const char* name;
    std::string bytes;
  };

  const Row rows[] = {
      {"no flags", ""},
      {"an octet too many", octets({0, 0, 0})},
      {"string longer than the rest", octets({0x80, 0, 5, 'a'})},
      {"header of unknown type", octets({0x20, 0, 0, 0, 0, 3, 1, 'n', '?'})},
      {"headers longer than the rest", octets({0x20, 0, 0, 0, 0, 9, 1, 'n', 'V'})},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ExactBuffer bytes{row.bytes};
    PropertyScan scan;
    EXPECT_FALSE(decode_properties(bytes.view()).has_value());
    EXPECT_FALSE(scan_properties(bytes.view(), scan));
  }
}

TEST(BasicProperties, of_random_octets_are_judged_alike_by_decoding_and_scanning) {
  std::mt19937 random{7};
  const std::string headers = table_of_every_type().encode();
  int valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = encode_properties(properties_with(random(), headers));
    for (unsigned change = random() % 3; change < 2; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const ExactBuffer buffer{bytes};
    PropertyScan scan;
    const bool scanned = scan_properties(buffer.view(), scan);
    EXPECT_EQ(decode_properties(buffer.view()).has_value(), scanned);
    valid += scanned ? 1 : 0;
  }
  EXPECT_GT(valid, 0);
  EXPECT_LT(valid, 20000);
}

}  // namespace
}  // namespace lepus::amqp
