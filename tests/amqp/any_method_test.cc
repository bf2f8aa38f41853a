#include "amqp/methods/any_method.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

template <typename Method>
std::string encode(const Method& method) {
  std::string bytes(encoded_size(method), '\0');
  Encoder encoder{bytes.data(), bytes.data() + bytes.size()};
  encode_method(encoder, method);
  EXPECT_EQ(encoder.room_bytes(), 0U);
  return bytes;
}

template <typename Method>
Method filled(std::string_view table_bytes) {
  Method method;
  Method::visit_fields(method, FillingVisitor{table_bytes});
  return method;
}

TEST(Methods, are_all_there_with_ids_of_their_own) {
  std::map<MethodId, std::string_view> names;
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    EXPECT_TRUE(names.emplace(id_of_method<Method>, Method::name).second) << Method::name;
  });
  // 14 connection, 6 channel, 2 access, 8 exchange, 10 queue, 18 basic, 2 confirm, 6 tx.
  EXPECT_EQ(names.size(), 66U);
  EXPECT_EQ((names[{50, 10}]), "queue.declare");
  EXPECT_EQ((names[{60, 120}]), "basic.nack");
  EXPECT_EQ((names[{40, 51}]), "exchange.unbind-ok");
  EXPECT_EQ((names[{10, 71}]), "connection.update-secret-ok");
  EXPECT_EQ((names[{60, 100}]), "basic.recover-async");
}

TEST(Methods, survive_encoding_and_decoding_with_every_field_filled) {
  const std::string table = table_of_every_type().encode();
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    SCOPED_TRACE(Method::name);
    const auto method = filled<Method>(table);
    const ExactBuffer bytes{encode(method)};
    const auto decoded = decode_method(bytes.view());
    ASSERT_TRUE(decoded.has_value());
    ASSERT_TRUE(std::holds_alternative<Method>(*decoded));
    EXPECT_EQ(std::get<Method>(*decoded), method);
    EXPECT_EQ(id_of(*decoded), peek_method_id(bytes.view()));
    EXPECT_EQ(peek_method_key(bytes.view()), method_key<Method>);
    EXPECT_EQ(name_of(*decoded), Method::name);
    EXPECT_EQ(has_content(*decoded), Method::has_content);
  });
}

TEST(Methods, cut_at_any_octet_are_refused_and_never_read_past_the_end) {
  const std::string table = FieldTable{{"name", "value"}}.encode();
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    SCOPED_TRACE(Method::name);
    const std::string bytes = encode(filled<Method>(table));
    for (std::size_t size = method_ids_bytes; size < bytes.size(); ++size) {
      const ExactBuffer part{std::string_view{bytes}.substr(0, size)};
      const auto decoded = decode_method(part.view());
      ASSERT_FALSE(decoded.has_value()) << size;
      EXPECT_EQ(decoded.error().kind, DecodeError::Kind::undecodable_arguments);
      EXPECT_EQ(decoded.error().method, id_of_method<Method>);
      EXPECT_EQ(decoded.error().arguments, part.view().substr(method_ids_bytes));
    }
  });
}

TEST(Methods, with_an_octet_too_many_are_refused) {
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    SCOPED_TRACE(Method::name);
    EXPECT_FALSE(decode_method(encode(filled<Method>("")) + "x").has_value());
  });
}

TEST(Methods, put_adjacent_bits_into_one_octet_lowest_first) {
  const QueueDeclare declare{
      .queue = "q", .passive = true, .exclusive = true, .no_wait = true, .arguments = {}};
  EXPECT_EQ(encode(declare), octets({0, 50, 0, 10, 0, 0, 1, 'q', 0b10101, 0, 0, 0, 0}));
  const BasicDeliver deliver{.consumer_tag = "c",
                             .delivery_tag = {258},
                             .redelivered = true,
                             .exchange = "e",
                             .routing_key = ""};
  EXPECT_EQ(encode(deliver), octets({0, 60, 0, 60, 1, 'c', 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 'e', 0}));
  const AccessRequest request{.realm = "/", .exclusive = true, .active = false};
  EXPECT_EQ(encode(request), octets({0, 30, 0, 10, 1, '/', 0b11011}));
}

TEST(Methods, ignore_bits_that_mean_nothing) {
  const auto decoded = decode_method(octets({0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 9, 0xFE}));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<BasicAck>(*decoded), (BasicAck{.delivery_tag = {9}, .multiple = false}));
}

TEST(Methods, with_a_broken_table_are_refused) {
  EXPECT_FALSE(
      decode_method(octets({0, 50, 0, 10, 0, 0, 1, 'q', 0, 0, 0, 0, 3, 1, 'n', '?'})).has_value());
}

TEST(DecodeError, of_arguments_is_told_as_rabbitmq_does) {
  const std::string payload = octets({0, 50, 0, 10, 0, 0, 5, 97, 98});
  const auto decoded = decode_method(payload);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().to_protocol_error(),
            (ProtocolError{ReplyCode::frame_error, "cannot decode <<0,0,5,97,98>>", {50, 10}}));
}

TEST(DecodeError, of_an_unknown_method_has_its_ids) {
  for (const auto& [payload, id] : {std::pair{octets({0, 50, 0, 99, 1}), MethodId{50, 99}},
                                    std::pair{octets({1, 0, 0, 10}), MethodId{256, 10}}}) {
    const auto decoded = decode_method(payload);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().kind, DecodeError::Kind::unknown_method);
    EXPECT_EQ(decoded.error().method, id);
    EXPECT_EQ(decoded.error().to_protocol_error().code, ReplyCode::not_implemented);
  }
}

TEST(Methods, of_random_octets_decode_to_what_encodes_to_the_same_size_or_not_at_all) {
  std::mt19937 random{19};
  const std::string table = table_of_every_type().encode();
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    SCOPED_TRACE(Method::name);
    const std::string seed = encode(filled<Method>(table));
    for (int round = 0; round < 300 && seed.size() > method_ids_bytes; ++round) {
      std::string bytes = seed;
      for (unsigned change = random() % 3; change < 3; ++change) {
        bytes[method_ids_bytes + random() % (bytes.size() - method_ids_bytes)] =
            static_cast<char>(random());
      }
      const ExactBuffer buffer{bytes};
      const auto decoded = decode_method(buffer.view());
      if (decoded.has_value()) {
        EXPECT_EQ(encoded_size(std::get<Method>(*decoded)), bytes.size());
      }
    }
  });
}

}  // namespace
}  // namespace lepus::amqp
