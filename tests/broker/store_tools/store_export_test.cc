#include "broker/store_export.h"

#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/model/names.h"
#include "broker/store_check.h"
#include "broker/store_import.h"
#include "broker/store_message_lines.h"
#include "tests/broker/store_tools/store_fixture.h"

namespace lepus {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreExport : public StoreFixture {
 protected:
  std::string exported(std::vector<std::string> queues = {}) {
    const Ran ran = run({.kind = StoreCommand::Kind::export_messages, .queues = std::move(queues)});
    EXPECT_EQ(ran.code, tool_well) << ran.error;
    return ran.out;
  }

  Ran import(const std::string& text, const std::filesystem::path& directory) {
    return run({.kind = StoreCommand::Kind::import_messages, .directory = directory.string()},
               text);
  }

  static std::vector<json> lines(const std::string& text) {
    std::vector<json> parsed;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      parsed.push_back(json::parse(line));
    }
    return parsed;
  }

  std::vector<std::string> bodies(const std::string& text, const std::string& queue) {
    std::vector<std::string> found;
    for (const json& line : lines(text)) {
      if (line["kind"] == "message" && line["queue"] == queue) {
        found.push_back(*from_base64(line["body"].get<std::string>()));
      }
    }
    return found;
  }

  const std::filesystem::path other_ = temporary_.path() / "other";
};

TEST_F(StoreExport, RoundTripGivesTheSame) {
  apply({{"vhosts", {{{"name", "v/w"}}}},
         {"users", {{{"name", "admin"}, {"password", "secret"}, {"tags", {"administrator"}}}}},
         {"policies",
          {{{"name", "ttl"},
            {"vhost", "v/w"},
            {"pattern", "^q"},
            {"apply-to", "queues"},
            {"priority", 3},
            {"definition", {{"message-ttl", 60000}, {"overflow", "drop-head"}}}}}},
         {"parameters",
          {{{"component", "operator_policy"},
            {"name", "cap"},
            {"vhost", "v/w"},
            {"value", {{"pattern", ""}, {"definition", {{"max-length", 100}}}}}}}},
         {"exchanges", {{{"name", "x"}, {"vhost", "v/w"}, {"type", "headers"}, {"durable", true}}}},
         {"queues",
          {{{"name", "q/1"},
            {"vhost", "v/w"},
            {"durable", true},
            {"arguments", {{"x-max-priority", 5}}}}}},
         {"bindings",
          {{{"source", "x"},
            {"vhost", "v/w"},
            {"destination", "q/1"},
            {"destination_type", "queue"},
            {"routing_key", "k"},
            {"arguments", {{"x-match", "any"}, {"a", 1}}}}}}});
  declare({"a"});
  auto writer = open();
  const auto queue = writer->topology().find_queue("v/w", "q/1");
  for (const int priority : {0, 9, 3, 0}) {
    std::string body = "body " + std::to_string(priority);
    body += '\0';
    ASSERT_TRUE(writer->put(*queue, message("k\xff", body, static_cast<std::uint8_t>(priority)),
                            priority == 3));
  }
  ASSERT_TRUE(writer->close());
  publish("a", 0, 3);
  const std::string first = exported();
  const Ran ran = import(first, other_);
  ASSERT_EQ(ran.code, tool_well) << ran.error;
  EXPECT_EQ(ran.out, "7 messages imported\n");
  EXPECT_EQ(lines(first)[0]["policies"].size(), 1U);
  EXPECT_EQ(lines(first)[0]["parameters"].size(), 1U);
  EXPECT_EQ(run({.kind = StoreCommand::Kind::export_messages, .directory = other_.string()}).out,
            first);
  EXPECT_EQ(run({.kind = StoreCommand::Kind::check, .directory = other_.string()}).code, tool_well);
}

TEST_F(StoreExport, MessagesGoBehindThoseThatAreThere) {
  declare({"a"});
  publish("a", 0, 3);
  const std::string first = exported();
  publish("a", 3, 2);
  ASSERT_EQ(import(first, path_).code, tool_well);
  EXPECT_THAT(bodies(exported(), "a"),
              ElementsAre("0         ", "1         ", "2         ", "3         ", "4         ",
                          "0         ", "1         ", "2         "));
  EXPECT_EQ(check().code, tool_well);
}

TEST_F(StoreExport, DelayedMessagesKeepTheTimesAtWhichTheyAreDue) {
  delay("x", {3000, 1000, 2000, 1000});
  declare({"x"});
  publish("x", 0, 1);
  const std::string first = exported();
  EXPECT_EQ(lines(first)[1]["queue"], "x");
  const auto delayed = lines(first)[2];
  EXPECT_EQ(delayed["delayed_exchange"], "x");
  EXPECT_EQ(delayed["due_ms"], 1000);
  const Ran ran = import(first, other_);
  ASSERT_EQ(ran.code, tool_well) << ran.error;
  EXPECT_EQ(ran.out, "5 messages imported\n");
  EXPECT_EQ(run({.kind = StoreCommand::Kind::export_messages, .directory = other_.string()}).out,
            first);
  const Ran checked = run({.kind = StoreCommand::Kind::check, .directory = other_.string()});
  EXPECT_EQ(checked.code, tool_well);
  EXPECT_THAT(checked.out, testing::HasSubstr("delayed by exchange x in vhost /"));
}

TEST_F(StoreExport, OneQueueComesWithWhatItNeedsAndNothingElse) {
  declare({"a", "b"});
  publish("a", 0, 1);
  publish("b", 0, 2);
  const std::string text = exported({"//b"});
  EXPECT_THAT(bodies(text, "a"), ElementsAre());
  EXPECT_EQ(bodies(text, "b").size(), 2U);
  const json definitions = lines(text)[0];
  EXPECT_EQ(definitions["queues"].size(), 1U);
  EXPECT_FALSE(definitions.contains("users"));
  ASSERT_EQ(import(text, other_).code, tool_well);
}

TEST_F(StoreExport, UnknownQueueIsOneLine) {
  declare({"a"});
  const Ran ran = run({.kind = StoreCommand::Kind::export_messages, .queues = {"/b"}});
  EXPECT_EQ(ran.code, tool_failed);
  EXPECT_THAT(ran.error, HasSubstr("there is no durable queue /b"));
}

TEST_F(StoreExport, NewStoreHasNoOtherUserThanTheImportedOnes) {
  apply({{"users", {{{"name", "admin"}, {"password", "secret"}, {"tags", {"administrator"}}}}}});
  std::string text = exported();
  json definitions = lines(text)[0];
  auto& users = definitions["users"];
  users.erase(
      std::ranges::find_if(users, [](const json& user) { return user["name"] == "guest"; }));
  definitions["permissions"] = json::array();
  ASSERT_EQ(import(definitions.dump() + "\n", other_).code, tool_well);
  const auto writer = StoreWriter::open(other_);
  EXPECT_TRUE((*writer)->topology().find_user("admin"));
  EXPECT_FALSE((*writer)->topology().find_user("guest"));
}

TEST_F(StoreExport, PropertiesMayBeReadable) {
  declare({"a"});
  const json line{{"kind", "message"},
                  {"vhost", "/"},
                  {"queue", "a"},
                  {"exchange", ""},
                  {"routing_key", "a"},
                  {"properties", {{"delivery_mode", 2}, {"content_type", "text/plain"}}},
                  {"body", model::base64_encode("hello")}};
  ASSERT_EQ(import(line.dump() + "\n", path_).code, tool_well);
  const auto exported_line = lines(exported())[1];
  const auto properties = *from_base64(exported_line["properties"].get<std::string>());
  EXPECT_EQ(amqp::decode_properties(properties)->content_type, "text/plain");
  EXPECT_EQ(bodies(exported(), "a"), std::vector<std::string>{"hello"});
}

TEST_F(StoreExport, MistakesNameTheirLine) {
  declare({"a"});
  const Ran ran = import("{\"kind\":\"message\",\"vhost\":\"/\",\"queue\":\"a\"}\n", path_);
  EXPECT_EQ(ran.code, tool_failed);
  EXPECT_THAT(ran.error, HasSubstr("line 1: the field 'exchange' is missing"));
  EXPECT_THAT(import("\nnonsense\n", path_).error, HasSubstr("line 2: no JSON object"));
}

TEST(Base64, RoundTripsAndRefusesWhatIsNone) {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\xfe"}) {
    EXPECT_EQ(*from_base64(model::base64_encode(text)), text);
  }
  EXPECT_FALSE(from_base64("abc"));
  EXPECT_FALSE(from_base64("!!!!"));
}

}  // namespace
}  // namespace lepus
