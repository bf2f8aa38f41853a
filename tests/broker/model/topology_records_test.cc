#include "broker/model/topology_records.h"

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

TEST(TopologyKeyTest, NamesWithAnyOctetsAreFoundAgain) {
  const std::string odd("a\0b\xFF", 4);
  const auto key = decode_key(queue_key(odd, ""));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->kind, RecordKind::queue);
  EXPECT_EQ(key->names, (std::vector<std::string>{odd, ""}));
}

TEST(TopologyKeyTest, NamesCannotRunIntoEachOther) {
  EXPECT_NE(queue_key("ab", "c"), queue_key("a", "bc"));
  EXPECT_NE(queue_key("a", "b"), exchange_key("a", "b"));
}

TEST(TopologyKeyTest, WhatIsNoKeyIsRefusedWhereverItIsCut) {
  const std::string key = permissions_key("user", "vhost");
  for (std::size_t length = 0; length < key.size(); ++length) {
    EXPECT_FALSE(decode_key(std::string_view{key}.substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(decode_key(key + "x").has_value());
  std::string unknown = key;
  unknown[0] = '?';
  EXPECT_FALSE(decode_key(unknown).has_value());
}

TEST(TopologyKeyTest, ABindingsKeySaysEverything) {
  const amqp::FieldTable arguments{{"a", std::int32_t{1}}, {"b", "text"}};
  const auto key =
      decode_key(binding_key("/", "x", BindingDestination::exchange, "y", "a.#", arguments));
  ASSERT_TRUE(key.has_value());
  const auto binding = decode_binding(*key);
  ASSERT_TRUE(binding.has_value());
  EXPECT_EQ(binding->source, "x");
  EXPECT_EQ(binding->destination_type, BindingDestination::exchange);
  EXPECT_EQ(binding->destination, "y");
  EXPECT_EQ(binding->routing_key, "a.#");
  EXPECT_EQ(binding->arguments, arguments);
}

TEST(TopologyKeyTest, ArgumentsOfOneBindingAreSortedByName) {
  EXPECT_EQ(sorted_arguments({{"b", "1"}, {"a", "2"}}), (amqp::FieldTable{{"a", "2"}, {"b", "1"}}));
}

TEST(TopologyRecordTest, DamagedValuesAreRefused) {
  const RecordKey two{RecordKind::queue, {"/", "q"}};
  EXPECT_EQ(decode_queue(two, "\xFF"), nullptr);
  EXPECT_EQ(decode_queue(two, ""), nullptr);
  EXPECT_EQ(
      decode_queue(
          two, amqp::FieldTable{{"id", std::int64_t{1}}, {"partition", std::int64_t{64}}}.encode()),
      nullptr);
  EXPECT_FALSE(decode_exchange({RecordKind::exchange, {"/", "x"}},
                               amqp::FieldTable{{"type", "unheard-of"}}.encode())
                   .has_value());
  EXPECT_FALSE(decode_user({RecordKind::user, {"u"}}, "").has_value());
}

TEST(TopologyRecordTest, FieldsOfANewerReleaseAreLeftOut) {
  amqp::FieldTable table =
      amqp::FieldTable::decode(encode(VhostDescription{.name = "v", .description = "d"})).value();
  table.set("from-the-future", true);
  const auto vhost = decode_vhost({RecordKind::vhost, {"v"}}, table.encode());
  ASSERT_TRUE(vhost.has_value());
  EXPECT_EQ(vhost->description, "d");
  EXPECT_FALSE(vhost->max_queues.has_value());
}

}  // namespace
}  // namespace lepus::model
