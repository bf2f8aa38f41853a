#include "management/json_values.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "amqp/basic_properties.h"
#include "broker/model/names.h"
#include "management/api/properties_key.h"

namespace lepus::management {
namespace {

using nlohmann::json;

TEST(JsonValues, MakeTablesAndComeBack) {
  const json object{{"i", 1},   {"d", 1.5},        {"b", true},
                    {"s", "x"}, {"l", {1, "two"}}, {"t", {{"inner", -3}}}};
  const auto table = to_field_table(object);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find("i")->type_letter(), 'l');
  EXPECT_EQ(table->find("d")->type_letter(), 'd');
  EXPECT_EQ(to_json(*table), object);
}

TEST(JsonValues, RefuseNull) {
  const auto table = to_field_table(json{{"n", nullptr}});
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().text, "null_not_allowed");
}

TEST(JsonValues, ArePropertiesOfMessages) {
  const json object{{"delivery_mode", 2},
                    {"headers", {{"a", 1}, {"b", {"c"}}}},
                    {"message_id", "m"},
                    {"timestamp", 12},
                    {"unknown", "ignored"}};
  const auto bytes = properties_from_json(object);
  ASSERT_TRUE(bytes) << bytes.error().text;
  json expected = object;
  expected.erase("unknown");
  EXPECT_EQ(properties_to_json(*bytes), expected);
  EXPECT_EQ(properties_to_json(amqp::empty_property_bytes), json::object());
}

TEST(JsonValues, NameThePropertyOfAWrongType) {
  EXPECT_EQ(properties_from_json(json{{"delivery_mode", "x"}}).error().text,
            R"(["not_int","delivery_mode"])");
  EXPECT_FALSE(properties_from_json(json{{"priority", 256}}));
  EXPECT_FALSE(properties_from_json(json{{"app_id", std::string(256, 'a')}}));
}

TEST(JsonValues, DoNotNestWithoutEnd) {
  EXPECT_TRUE(parse_json(std::string(100'000, '[')).is_discarded());
  EXPECT_TRUE(parse_json(std::string(100, '[') + std::string(100, ']')).is_discarded());
  EXPECT_EQ(parse_json("[[1]]"), json::parse("[[1]]"));
}

TEST(JsonValues, FormatTimes) {
  EXPECT_EQ(format_time(1'795'248'388'831), "2026-11-21T08:06:28.831+00:00");
}

TEST(Base64, IsStrict) {
  EXPECT_EQ(model::base64_decode("Z3Vlc3Q6Z3Vlc3Q="), "guest:guest");
  EXPECT_EQ(model::base64_decode("TQ=="), "M");
  EXPECT_EQ(model::base64_decode(""), "");
  EXPECT_FALSE(model::base64_decode("!!!"));
  EXPECT_FALSE(model::base64_decode("!!!!"));
}

TEST(PropertiesKey, IsTheFormEncodedRoutingKeyAndAHashOfArguments) {
  model::BindingDescription binding{.routing_key = "a b/c~d%"};
  EXPECT_EQ(api::properties_key(binding), "a+b%2Fc%7Ed%25");
  binding.routing_key.clear();
  EXPECT_EQ(api::properties_key(binding), "~");
  binding.arguments = {{"x", std::int64_t{1}}, {"y", "z"}};
  const std::string key = api::properties_key(binding);
  EXPECT_EQ(key.size(), 7U);
  EXPECT_TRUE(key.starts_with('~'));
  binding.arguments = {{"y", "z"}, {"x", std::int64_t{1}}};
  EXPECT_EQ(api::properties_key(binding), key);
  binding.arguments = {{"y", "z"}, {"x", std::int64_t{2}}};
  EXPECT_NE(api::properties_key(binding), key);
}

}  // namespace
}  // namespace lepus::management
