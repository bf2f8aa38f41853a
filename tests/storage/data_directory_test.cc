#include "storage/data_directory.h"

#include <fstream>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/storage/temporary_directory.h"

namespace lepus::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class DataDirectoryTest : public ::testing::Test {
 protected:
  /// The error of opening it, which must be one line naming the directory.
  std::string error_of(const fs::path& path) {
    const auto opened = DataDirectory::open(path);
    if (opened) {
      return "opened";
    }
    EXPECT_THAT(opened.error().text, HasSubstr(path.string()));
    EXPECT_THAT(opened.error().text, Not(HasSubstr("\n")));
    return opened.error().text;
  }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  TemporaryDirectory temporary_;
  fs::path path_ = temporary_.path() / "a" / "data";
};

TEST_F(DataDirectoryTest, IsCreatedWithItsParentsAndOpenedAgain) {
  EXPECT_EQ(error_of(path_), "opened");
  EXPECT_TRUE(fs::exists(path_ / "lepus-data"));
  EXPECT_EQ(error_of(path_), "opened");
}

TEST_F(DataDirectoryTest, IsRefusedWhileAnotherHasIt) {
  const auto first = DataDirectory::open(path_);
  ASSERT_TRUE(first);
  EXPECT_THAT(error_of(path_),
              HasSubstr("in use by another broker (process " + std::to_string(::getpid()) + ")"));
}

TEST_F(DataDirectoryTest, IsFreeAgainWhenTheOwnerIsGone) {
  { const auto first = DataDirectory::open(path_); }
  EXPECT_EQ(error_of(path_), "opened");
}

TEST_F(DataDirectoryTest, ForeignDirectoryIsRefusedAndLeftAlone) {
  fs::create_directories(path_);
  write(path_ / "photo.jpg", "x");
  EXPECT_THAT(error_of(path_), HasSubstr("not a Lepus data directory"));
  EXPECT_FALSE(fs::exists(path_ / "lepus-data"));
}

TEST_F(DataDirectoryTest, EmptyDirectoryOfAFreshVolumeIsTaken) {
  fs::create_directories(path_ / "lost+found");
  EXPECT_EQ(error_of(path_), "opened");
}

TEST_F(DataDirectoryTest, InterruptedFirstStartIsTakenUp) {
  fs::create_directories(path_);
  write(path_ / "lepus.lock", "");
  write(path_ / "lepus-data.new", "lep");
  EXPECT_EQ(error_of(path_), "opened");
}

TEST_F(DataDirectoryTest, NewerFormatIsRefusedByItsNumber) {
  fs::create_directories(path_);
  write(path_ / "lepus-data", "lepus data directory\nformat 2\n");
  EXPECT_THAT(error_of(path_), HasSubstr("has format 2, and this Lepus knows only 1"));
}

TEST_F(DataDirectoryTest, DamagedMarkerIsRefused) {
  fs::create_directories(path_);
  for (const char* marker : {"", "lepus data directory\nformat ", "lepus data directory\nformat 1",
                             "lepus data directory\nformat x\n", "something else"}) {
    write(path_ / "lepus-data", marker);
    EXPECT_THAT(error_of(path_), HasSubstr("damaged")) << marker;
  }
}

TEST_F(DataDirectoryTest, FileInItsPlaceIsRefused) {
  write(temporary_.path() / "file", "x");
  EXPECT_THAT(error_of(temporary_.path() / "file"), Not("opened"));
  EXPECT_THAT(error_of(temporary_.path() / "file" / "data"), HasSubstr("can't be created"));
}

TEST_F(DataDirectoryTest, DirectoryWithoutPermissionIsRefused) {
  fs::create_directories(path_);
  const fs::perms readable = static_cast<fs::perms>(0555);
  fs::permissions(path_, readable);
  // Root may write everywhere, so somebody else tries; the way to the directory must be open.
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    fs::permissions(temporary_.path(), readable);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string error = error_of(path_);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  fs::permissions(temporary_.path(), fs::perms::owner_all);
  fs::permissions(path_, fs::perms::owner_all);
  EXPECT_THAT(error, HasSubstr("no permission"));
}

TEST_F(DataDirectoryTest, TransientRowsOfTheLastRunAreRemoved) {
  { const auto first = DataDirectory::open(path_); }
  fs::create_directories(path_ / "transient");
  write(path_ / "transient" / "000001.sst", "rows");
  const auto second = DataDirectory::open(path_);
  ASSERT_TRUE(second);
  EXPECT_FALSE(fs::exists(second->transient_path()));
}

}  // namespace
}  // namespace lepus::storage
