#include "amqp/field_table.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

/// An encoded table that holds containers within each other, `depth` levels in all; built from the
/// inside, as nobody who means well would.
std::string nested(int depth, char type) {
  std::string bytes;
  for (int level = 1; level < depth; ++level) {
    const bool outermost = level == depth - 1;
    const bool named = type == 'F' || outermost;
    std::string outer = named ? octets({1, 't', type, 0, 0, 0, 0}) : octets({type, 0, 0, 0, 0});
    store_big_endian(outer.data() + outer.size() - 4, static_cast<std::uint32_t>(bytes.size()));
    bytes = outer + bytes;
  }
  return bytes;
}

TEST(FieldTable, of_every_type_survives_encoding) {
  const FieldTable table = table_of_every_type();
  const ExactBuffer bytes{table.encode()};
  EXPECT_EQ(bytes.view().size(), table.encoded_size());
  const auto decoded = FieldTable::decode(bytes.view());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, table);
  EXPECT_EQ(decoded->encode(), table.encode());
}

TEST(FieldTable, encodes_each_type_as_the_wire_has_it) {
  struct Row {
    const char* name;
    FieldValue value;
    std::string encoded;
  };

  const Row rows[] = {
      {"void", Void{}, octets({'V'})},
      {"bool", true, octets({'t', 1})},
      {"byte", std::int8_t{-2}, octets({'b', 0xFE})},
      {"unsignedbyte", std::uint8_t{200}, octets({'B', 200})},
      {"short", std::int16_t{-2}, octets({'s', 0xFF, 0xFE})},
      {"unsignedshort", std::uint16_t{258}, octets({'u', 1, 2})},
      {"signedint", std::int32_t{-2}, octets({'I', 0xFF, 0xFF, 0xFF, 0xFE})},
      {"unsignedint", std::uint32_t{16909060}, octets({'i', 1, 2, 3, 4})},
      {"long", std::int64_t{1}, octets({'l', 0, 0, 0, 0, 0, 0, 0, 1})},
      {"float", 1.0F, octets({'f', 0x3F, 0x80, 0, 0})},
      {"double", 1.0, octets({'d', 0x3F, 0xF0, 0, 0, 0, 0, 0, 0})},
      {"decimal", Decimal{2, 5}, octets({'D', 2, 0, 0, 0, 5})},
      {"longstr", "ab", octets({'S', 0, 0, 0, 2, 'a', 'b'})},
      {"timestamp", Timestamp{258}, octets({'T', 0, 0, 0, 0, 0, 0, 1, 2})},
      {"table", FieldTable{{"k", true}}, octets({'F', 0, 0, 0, 4, 1, 'k', 't', 1})},
      {"array", FieldArray{FieldValue{true}}, octets({'A', 0, 0, 0, 2, 't', 1})},
      {"binary", Binary{"x"}, octets({'x', 0, 0, 0, 1, 'x'})},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(type_name(row.value), row.name);
    EXPECT_EQ(row.value.type_letter(), row.encoded[0]);
    FieldTable table;
    table.set("n", row.value);
    EXPECT_EQ(table.encode(), octets({1, 'n'}) + row.encoded);
  }
}

TEST(FieldTable, takes_capital_l_as_a_signed_long) {
  const auto table =
      FieldTable::decode(octets({1, 'n', 'L', 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE}));
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(*table, (FieldTable{{"n", std::int64_t{-2}}}));
  EXPECT_EQ(type_name(*table->find("n")), "long");
}

TEST(FieldTable, takes_any_octet_but_zero_as_true) {
  EXPECT_EQ(FieldTable::decode(octets({1, 'n', 't', 7})), (FieldTable{{"n", true}}));
}

TEST(FieldTable, refuses_what_is_broken) {
  struct Row {
    const char* name;
    std::string bytes;
  };

  const Row rows[] = {
      {"name without type", octets({1, 'n'})},
      {"name longer than the table", octets({9, 'n', 't', 1})},
      {"unknown type", octets({1, 'n', 'Z', 0, 0, 0, 0})},
      {"type zero", octets({1, 'n', 0})},
      {"string longer than the table", octets({1, 'n', 'S', 0, 0, 0, 3, 'a', 'b'})},
      {"string of 4 GiB", octets({1, 'n', 'S', 0xFF, 0xFF, 0xFF, 0xFF, 'a', 'b'})},
      {"inner table longer than the outer", octets({1, 'n', 'F', 0, 0, 0, 9, 1, 'k', 't', 1})},
      {"inner table that ends early", octets({1, 'n', 'F', 0, 0, 0, 3, 1, 'k', 't', 1, 'a', 'V'})},
      {"array with a broken value", octets({1, 'n', 'A', 0, 0, 0, 1, 't', 1, 'a', 'V'})},
      {"array with an unknown type", octets({1, 'n', 'A', 0, 0, 0, 1, '?'})},
      {"half a number", octets({1, 'n', 'I', 0, 0})},
      {"half a decimal", octets({1, 'n', 'D', 0, 0, 0, 0})},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ExactBuffer bytes{row.bytes};
    EXPECT_FALSE(FieldTable::decode(bytes.view()).has_value());
    EXPECT_FALSE(is_valid_table(bytes.view()));
  }
}

TEST(FieldTable, cut_anywhere_is_never_read_past_its_end) {
  FieldTable whole = table_of_every_type();
  const std::string bytes = whole.encode();
  std::size_t valid = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const ExactBuffer part{std::string_view{bytes}.substr(0, size)};
    const auto table = FieldTable::decode(part.view());
    // Only a cut between two fields leaves a table, and that one is a prefix.
    if (table.has_value()) {
      ++valid;
      EXPECT_EQ(table->encode(), part.view());
    }
    static_cast<void>(FieldTableView{part.view()}.find("no such field"));
  }
  EXPECT_EQ(valid, whole.size());
}

TEST(FieldTable, may_be_nested_up_to_the_limit_and_not_one_deeper) {
  for (const char type : {'F', 'A'}) {
    SCOPED_TRACE(type);
    EXPECT_TRUE(FieldTable::decode(nested(field_table_max_depth, type)).has_value());
    EXPECT_FALSE(FieldTable::decode(nested(field_table_max_depth + 1, type)).has_value());
    EXPECT_FALSE(FieldTable::decode(nested(10000, type)).has_value());
  }
}

TEST(FieldTable, may_be_as_large_as_the_limit_and_not_an_octet_larger) {
  const std::size_t overhead = FieldTable{{"s", ""}}.encoded_size();
  const std::string fits(field_table_max_bytes - overhead, 'x');
  EXPECT_TRUE(is_valid_table(FieldTable{{"s", fits}}.encode()));
  EXPECT_FALSE(is_valid_table(FieldTable{{"s", fits + "x"}}.encode()));
}

TEST(FieldTable, keeps_order_and_repeated_names_and_finds_the_first) {
  const FieldTable table{{"b", 1}, {"a", 2}, {"b", 3}};
  const auto decoded = FieldTable::decode(table.encode());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, table);
  EXPECT_EQ(decoded->find("b")->as_integer(), 1);
  EXPECT_EQ(decoded->find("c"), nullptr);
}

TEST(FieldTable, sets_in_place_appends_and_erases) {
  FieldTable table{{"a", 1}, {"b", 2}};
  table.set("a", "x");
  table.set("c", true);
  EXPECT_EQ(table, (FieldTable{{"a", "x"}, {"b", 2}, {"c", true}}));
  EXPECT_TRUE(table.erase("b"));
  EXPECT_FALSE(table.erase("b"));
  EXPECT_EQ(table, (FieldTable{{"a", "x"}, {"c", true}}));
}

TEST(FieldTable, differs_by_value_type_and_order) {
  const FieldTable table{{"a", 1}, {"b", 2}};
  EXPECT_NE(table, (FieldTable{{"b", 2}, {"a", 1}}));
  EXPECT_NE(table, (FieldTable{{"a", std::int64_t{1}}, {"b", 2}}));
  EXPECT_NE(table, (FieldTable{{"a", 1}, {"b", 3}}));
  EXPECT_NE(table, (FieldTable{{"a", 1}}));
}

TEST(FieldValue, gives_the_number_of_every_integer_type_and_of_no_other) {
  struct Row {
    const char* name;
    std::optional<std::int64_t> integer;
  };

  const Row rows[] = {
      {"byte", -128},
      {"unsignedbyte", 255},
      {"short", -32768},
      {"unsignedshort", 65535},
      {"signedint", -2147483648LL},
      {"unsignedint", 4294967295LL},
      {"long", -9223372036854775807LL},
      {"true", std::nullopt},
      {"void", std::nullopt},
      {"float", std::nullopt},
      {"double", std::nullopt},
      {"decimal", std::nullopt},
      {"longstr", std::nullopt},
      {"timestamp", std::nullopt},
      {"table", std::nullopt},
      {"array", std::nullopt},
      {"binary", std::nullopt},
  };
  const FieldTable table = table_of_every_type();
  const std::string bytes = table.encode();
  const FieldTableView view{bytes};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(table.find(row.name)->as_integer(), row.integer);
    EXPECT_EQ(view.find(row.name)->as_integer(), row.integer);
  }
}

TEST(FieldTableView, finds_fields_without_decoding_the_table) {
  const FieldTable table = table_of_every_type();
  const std::string bytes = table.encode();
  const FieldTableView view{bytes};
  for (const Field& field : table.fields()) {
    SCOPED_TRACE(field.name);
    const auto found = view.find(field.name);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->decode(), field.value);
  }
  EXPECT_EQ(view.find("longstr")->as_string(), "text");
  EXPECT_EQ(view.find("binary")->as_string(), std::nullopt);
  EXPECT_FALSE(view.find("deep").has_value());
  EXPECT_FALSE(FieldTableView{}.find("").has_value());
  EXPECT_EQ(view.decode(), table);
}

TEST(FieldTable, of_random_octets_decodes_to_what_encodes_alike_or_not_at_all) {
  std::mt19937 random{20240607};
  const std::string seed = table_of_every_type().encode();
  int valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = seed;
    for (unsigned change = random() % 4; change < 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const ExactBuffer buffer{bytes};
    const auto table = FieldTable::decode(buffer.view());
    if (table.has_value()) {
      ++valid;
      EXPECT_EQ(table->encode().size(), bytes.size());
    }
  }
  EXPECT_GT(valid, 0);
}

}  // namespace
}  // namespace lepus::amqp
