#include "amqp/erlang_term.h"

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

TEST(ErlangBinary, is_printed_as_text_only_if_all_of_it_is_printable) {
  struct Row {
    std::string bytes;
    const char* text;
  };

  const Row rows[] = {
      {"", "<<>>"},
      {"abc", "<<\"abc\">>"},
      {octets({0, 20, 0, 10, 0}), "<<0,20,0,10,0>>"},
      {octets({'a', 0}), "<<97,0>>"},
      {"a\"b\\c\n", R"(<<"a\"b\\c\n">>)"},
      {octets({127}), "<<127>>"},
      {octets({0xC3, 0xA9}), "<<195,169>>"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(erlang_binary(row.bytes), row.text);
  }
  EXPECT_EQ(erlang_octets("abc"), "<<97,98,99>>");
}

TEST(ErlangValue, is_printed_bare_or_with_its_type) {
  struct Row {
    FieldValue value;
    const char* bare;
    const char* typed;
  };

  const Row rows[] = {
      {"zzz", "<<\"zzz\">>", "{longstr,<<\"zzz\">>}"},
      {std::int32_t{-1}, "-1", "{signedint,-1}"},
      {std::uint8_t{7}, "7", "{unsignedbyte,7}"},
      {true, "true", "{bool,true}"},
      {Void{}, "undefined", "{void,undefined}"},
      {1.0, "1.0", "{double,1.0}"},
      {2.5F, "2.5", "{float,2.5}"},
      {1e-7, "1.0e-7", "{double,1.0e-7}"},
      {-1.5e22, "-1.5e22", "{double,-1.5e22}"},
      {Decimal{1, 25}, "{1,25}", "{decimal,{1,25}}"},
      {Timestamp{5}, "5", "{timestamp,5}"},
      {FieldTable{{"a", "b"}, {"c", 1}}, "[{<<\"a\">>,longstr,<<\"b\">>},{<<\"c\">>,signedint,1}]",
       "{table,[{<<\"a\">>,longstr,<<\"b\">>},{<<\"c\">>,signedint,1}]}"},
      {FieldArray{FieldValue{"x"}, FieldValue{2}}, "[{longstr,<<\"x\">>},{signedint,2}]",
       "{array,[{longstr,<<\"x\">>},{signedint,2}]}"},
      {Binary{"x"}, "<<\"x\">>", "{binary,<<\"x\">>}"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.typed);
    EXPECT_EQ(erlang_value(row.value), row.bare);
    EXPECT_EQ(erlang_typed_value(row.value), row.typed);
  }
}

}  // namespace
}  // namespace lepus::amqp
