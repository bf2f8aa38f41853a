#include "management/load_definitions.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/management/fake_broker.h"

namespace lepus::management {
namespace {

class LoadDefinitionsTest : public ::testing::Test {
 public:
  ~LoadDefinitionsTest() override { std::filesystem::remove_all(folder_); }

 protected:
  LoadDefinitionsTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "lepus-definitions-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
  FakeBroker broker_;
};

TEST_F(LoadDefinitionsTest, WhatAFileNamesIsThere) {
  const std::string file = write("all.json", R"({
    "users":[{"name":"ann","password_hash":"","tags":"administrator"}],
    "vhosts":[{"name":"shop"}],
    "permissions":[{"user":"ann","vhost":"shop","configure":".*","write":".*","read":".*"}],
    "queues":[{"name":"orders","vhost":"shop","durable":true}]})");
  const auto loaded = load_definitions(broker_.topology(), file);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_NE(*loaded, 0U);
  EXPECT_TRUE(broker_.topology().find_user("ann")->has_tag("administrator"));
  EXPECT_NE(broker_.topology().find_queue("shop", "orders"), nullptr);
  // As at every start.
  EXPECT_TRUE(load_definitions(broker_.topology(), file));
}

TEST_F(LoadDefinitionsTest, AFoldersFilesAreReadByName) {
  write("2.json", R"({"queues":[{"name":"q","vhost":"one"}]})");
  write("1.json", R"({"vhosts":[{"name":"one"}]})");
  write("readme.txt", "no definitions");
  const auto loaded = load_definitions(broker_.topology(), folder_.string());
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_NE(broker_.topology().find_queue("one", "q"), nullptr);
}

TEST_F(LoadDefinitionsTest, MistakesNameTheFile) {
  const auto missing = load_definitions(broker_.topology(), "/nonexistent/all.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text,
            "cannot load definitions from /nonexistent/all.json: No such file or directory");
  const std::string broken = write("broken.json", "{");
  EXPECT_EQ(load_definitions(broker_.topology(), broken).error().text,
            "cannot load definitions from " + broken + ": not a JSON object");
  const std::string wrong = write("wrong.json", R"({"queues":[{"name":"q","vhost":"nope"}]})");
  EXPECT_EQ(load_definitions(broker_.topology(), wrong).error().text,
            "cannot load definitions from " + wrong + R"(: ["no_such_vhost","nope"])");
}

}  // namespace
}  // namespace lepus::management
