#include "amqp/printer.h"

#include <gtest/gtest.h>

#include "tests/amqp/support.h"

namespace lepus::amqp {
namespace {

TEST(Printer, prints_a_method_with_its_fields_on_one_line) {
  const std::string arguments =
      FieldTable{{"x-max-length", 5}, {"x", FieldArray{FieldValue{"a\n"}, FieldValue{true}}}}
          .encode();
  EXPECT_EQ(
      to_log_line(QueueDeclare{.queue = "q\n", .durable = true, .arguments = {arguments}}),
      R"(queue.declare reserved-1=0 queue="q\x0a" passive=false durable=true exclusive=false )"
      R"(auto-delete=false no-wait=false arguments={"x-max-length": 5, "x": ["a\x0a", true]})");
  EXPECT_EQ(to_log_line(BasicAck{.delivery_tag = {7}}), "basic.ack delivery-tag=7 multiple=false");
  EXPECT_EQ(to_log_line(TxCommit{}), "tx.commit");
}

TEST(Printer, keeps_secrets) {
  const auto has_secret = [](const AnyMethod& method) {
    return to_log_line(method).find("guest") != std::string::npos;
  };
  EXPECT_FALSE(has_secret(ConnectionStartOk{.response = {std::string_view{"\0guest\0guest", 12}}}));
  EXPECT_FALSE(has_secret(ConnectionSecureOk{.response = {"guest"}}));
  EXPECT_FALSE(has_secret(ConnectionUpdateSecret{.new_secret = {"guest"}}));
  EXPECT_TRUE(has_secret(ConnectionOpen{.virtual_host = "guest"}));
}

TEST(Printer, prints_every_method_without_line_breaks) {
  const std::string table = table_of_every_type().encode();
  for_each_method([&]<typename Method>(std::type_identity<Method>) {
    Method method;
    Method::visit_fields(method, FillingVisitor{table});
    const std::string line = to_log_line(method);
    EXPECT_TRUE(line.starts_with(Method::name)) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  });
}

}  // namespace
}  // namespace lepus::amqp
