#include "broker/store_backup.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/store_check.h"
#include "tests/broker/store_tools/store_fixture.h"

namespace lepus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StoreBackup : public StoreFixture {
 protected:
  Ran backup(const fs::path& to) {
    return run({.kind = StoreCommand::Kind::backup, .to = to.string()});
  }

  std::string exported(const fs::path& directory) {
    return run({.kind = StoreCommand::Kind::export_messages, .directory = directory.string()}).out;
  }

  const fs::path copy_ = temporary_.path() / "copy";
};

TEST_F(StoreBackup, CopyIsAStoreOfItsOwn) {
  declare({"a"});
  publish("a", 0, 100, 100);
  const Ran ran = backup(copy_);
  ASSERT_EQ(ran.code, tool_well) << ran.error;
  EXPECT_EQ(exported(copy_), exported(path_));
  const std::string before = exported(copy_);
  publish("a", 100, 100, 100);
  EXPECT_EQ(exported(copy_), before);
  EXPECT_EQ(run({.kind = StoreCommand::Kind::check, .directory = copy_.string()}).code, tool_well);
}

TEST_F(StoreBackup, TablesTakeNoFurtherSpace) {
  declare({"a"});
  publish("a", 0, 100, 100);
  ASSERT_EQ(backup(copy_).code, tool_well);
  for (const auto& entry : fs::directory_iterator(copy_ / "store")) {
    EXPECT_EQ(entry.hard_link_count(), entry.path().extension() == ".sst" ? 2U : 1U)
        << entry.path();
  }
}

TEST_F(StoreBackup, NothingIsOverwritten) {
  declare({"a"});
  fs::create_directory(copy_);
  const Ran ran = backup(copy_);
  EXPECT_EQ(ran.code, tool_failed);
  EXPECT_THAT(ran.error, HasSubstr("is there already"));
  EXPECT_TRUE(fs::is_empty(copy_));
}

TEST_F(StoreBackup, MissingParentIsOneLine) {
  declare({"a"});
  EXPECT_THAT(backup(temporary_.path() / "no" / "copy").error, HasSubstr("there is no directory"));
}

TEST_F(StoreBackup, BrokerThatIsNotThereIsOneLine) {
  std::ostringstream out;
  std::ostringstream error;
  EXPECT_EQ(backup_running_store({.url = "http://127.0.0.1:1"}, "/x", out, error), tool_failed);
  EXPECT_THAT(error.str(), HasSubstr("no broker answers at 127.0.0.1:1"));
  error.str("");
  EXPECT_EQ(backup_running_store({.url = "ftp://x"}, "/x", out, error), tool_failed);
  EXPECT_THAT(error.str(), HasSubstr("no URL that begins with http://"));
}

}  // namespace
}  // namespace lepus
