#include "broker/command_line.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lepus {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Result<CommandLine> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "lepus");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, NothingMeansServe) {
  const auto line = parse({});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::serve);
  EXPECT_THAT(line->assignments, IsEmpty());
  EXPECT_FALSE(line->config_file);
}

TEST(CommandLine, EveryOptionIsASetting) {
  const std::vector<std::pair<const char*, const char*>> rows{
      {"--port", "listeners.tcp.default"},
      {"--management-port", "management.tcp.port"},
      {"--prometheus-port", "prometheus.tcp.port"},
      {"--tls-port", "listeners.ssl.default"},
      {"--management-tls-port", "management.ssl.port"},
      {"--bind", "bind"},
      {"--data-dir", "data_dir"},
      {"--shards", "shards"},
      {"--store", "store"},
      {"--node-name", "node_name"},
  };
  for (const auto& [option, key] : rows) {
    SCOPED_TRACE(option);
    const auto line = parse({option, "0"});
    ASSERT_TRUE(line) << line.error().text;
    ASSERT_THAT(line->assignments, SizeIs(1));
    EXPECT_EQ(line->assignments[0].key, key);
    EXPECT_EQ(line->assignments[0].value, "0");
    EXPECT_EQ(line->assignments[0].origin.text, option);
    EXPECT_EQ(line->assignments[0].origin.kind, OriginKind::command_line);
  }
}

TEST(CommandLine, EqualsSignJoinsOptionAndValue) {
  const auto line = parse({"--port=7000", "--config=/a b"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->assignments.at(0).value, "7000");
  EXPECT_EQ(line->config_file, "/a b");
}

TEST(CommandLine, VersionNamesRabbitMqsToo) {
  const auto line = parse({"--version"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::print_text);
  EXPECT_EQ(line->text, "lepus 0.1.0 (RabbitMQ-compatible 3.13.7)\n");
}

TEST(CommandLine, HelpNamesTheOptions) {
  const auto line = parse({"--help"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::print_text);
  EXPECT_THAT(line->text, HasSubstr("--management-port PORT"));
}

TEST(CommandLine, PrintConfigurationKeepsTheOtherOptions) {
  const auto line = parse({"--print-config", "--shards", "2"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::print_configuration);
  EXPECT_THAT(line->assignments, SizeIs(1));
}

TEST(CommandLine, RepairNeedsItsOwnConsent) {
  const auto line = parse({"store", "repair", "--accept-loss", "/d"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->action, Action::run_store_tool);
  EXPECT_EQ(line->store.kind, StoreCommand::Kind::repair);
  EXPECT_EQ(line->store.directory, "/d");
  EXPECT_TRUE(line->store.accept_loss);
  EXPECT_FALSE(parse({"store", "repair", "/d"})->store.accept_loss);
}

TEST(CommandLine, StoreToolsNeedADirectory) {
  for (const char* tool : {"check", "repair", "export", "import"}) {
    SCOPED_TRACE(tool);
    EXPECT_FALSE(parse({"store", tool}));
    EXPECT_TRUE(parse({"store", tool, "/d"}));
  }
  EXPECT_FALSE(parse({"store", "backup", "/d"}));
  EXPECT_FALSE(parse({"store", "backup", "/d", "--to", "/e", "--url", "http://localhost"}));
  const auto line = parse({"store", "backup", "--to", "/e"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->store.kind, StoreCommand::Kind::backup);
  EXPECT_EQ(line->store.to, "/e");
}

TEST(CommandLine, EveryStoreToolHasItsOwnHelp) {
  for (const char* tool : {"check", "repair", "export", "import", "backup"}) {
    SCOPED_TRACE(tool);
    const auto line = parse({"store", tool, "--help"});
    ASSERT_TRUE(line) << line.error().text;
    EXPECT_EQ(line->action, Action::print_text);
    EXPECT_THAT(line->text, HasSubstr("DIR"));
  }
}

TEST(CommandLine, NonsenseIsRefused) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"--prot", "1"}, {"--port"}, {"extra"}, {"--shards", "1", "extra"}, {"store"}}) {
    SCOPED_TRACE(arguments.front());
    const auto line = parse(arguments);
    ASSERT_FALSE(line);
    EXPECT_THAT(line.error().text, HasSubstr("lepus --help"));
  }
}

}  // namespace
}  // namespace lepus
