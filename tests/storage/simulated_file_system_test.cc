// The simulated disk itself: what a power cut takes and what it leaves.

#include "tests/storage/simulated_file_system.h"

#include <memory>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <rocksdb/db.h>

#include "tests/storage/simulated_environment.h"

namespace lepus::storage {
namespace {

using Loss = SimulatedFileSystem::Loss;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class SimulatedFileSystemTest : public ::testing::Test {
 protected:
  using File = std::unique_ptr<rocksdb::FSWritableFile>;

  File create(const std::string& path) {
    File file;
    EXPECT_TRUE(disk_.NewWritableFile(path, {}, &file, nullptr).ok());
    return file;
  }

  static bool append(const File& file, const std::string& bytes) {
    return file->Append(bytes, {}, nullptr).ok();
  }

  static bool sync(const File& file) { return file->Sync({}, nullptr).ok(); }

  bool sync_directory(const std::string& path) {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    return disk_.NewDirectory(path, {}, &directory, nullptr).ok() &&
           directory->Fsync({}, nullptr).ok();
  }

  std::string content(const std::string& path) {
    std::string bytes;
    const auto status = rocksdb::ReadFileToString(&disk_, path, &bytes);
    return status.ok() ? bytes : status.ToString();
  }

  std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> found;
    EXPECT_TRUE(disk_.GetChildren(path, {}, &found, nullptr).ok());
    return found;
  }

  SimulatedFileSystem disk_{1};
};

TEST_F(SimulatedFileSystemTest, WhatIsSyncedStays) {
  const File file = create("/a");
  ASSERT_TRUE(append(file, "synced") && sync(file) && sync_directory("/"));
  disk_.power_cut(Loss::tail_and_holes);
  EXPECT_EQ(content("/a"), "synced");
}

TEST_F(SimulatedFileSystemTest, OfWhatIsNotSyncedSomePrefixStays) {
  std::set<std::size_t> sizes;
  for (int round = 0; round < 100; ++round) {
    const File file = create("/a");
    ASSERT_TRUE(append(file, "synced") && sync(file) && sync_directory("/"));
    ASSERT_TRUE(append(file, "more"));
    disk_.power_cut(Loss::tail);
    EXPECT_TRUE(std::string("syncedmore").starts_with(content("/a"))) << content("/a");
    sizes.insert(content("/a").size());
  }
  EXPECT_THAT(sizes, ElementsAre(6, 7, 8, 9, 10));
}

TEST_F(SimulatedFileSystemTest, HolesAreWholePagesOfWhatIsNotSynced) {
  bool has_hole = false;
  const std::string synced(5000, 's');
  for (int round = 0; round < 50; ++round) {
    const File file = create("/a");
    ASSERT_TRUE(append(file, synced) && sync(file) && sync_directory("/"));
    ASSERT_TRUE(append(file, std::string(20'000, 'x')));
    disk_.power_cut(Loss::tail_and_holes);
    const std::string bytes = content("/a");
    EXPECT_THAT(bytes, StartsWith(synced));
    for (std::size_t page = 8192; page + 4096 < bytes.size(); page += 4096) {
      const std::string_view whole(bytes.data() + page, 4096);
      const bool is_hole = whole.front() == '\0';
      EXPECT_EQ(whole, std::string(4096, is_hole ? '\0' : 'x'));
      has_hole |= is_hole;
    }
  }
  EXPECT_TRUE(has_hole);
}

TEST_F(SimulatedFileSystemTest, ASyncedFileWithoutASyncedNameMayBeLost) {
  std::size_t lost = 0;
  for (int round = 0; round < 50; ++round) {
    SimulatedFileSystem disk(static_cast<std::uint64_t>(round));
    std::unique_ptr<rocksdb::FSWritableFile> file;
    ASSERT_TRUE(disk.NewWritableFile("/a", {}, &file, nullptr).ok());
    ASSERT_TRUE(append(file, "synced") && sync(file));
    EXPECT_EQ(disk.unsafe_bytes("a"), 6u);
    disk.power_cut(Loss::tail);
    lost += disk.FileExists("/a", {}, nullptr).ok() ? 0 : 1;
  }
  EXPECT_GT(lost, 0u);
  EXPECT_LT(lost, 50u);
}

TEST_F(SimulatedFileSystemTest, RenamesAndRemovalsComeBackUnlessTheirDirectoryWasSynced) {
  bool renamed = false;
  bool came_back = false;
  for (int round = 0; round < 50; ++round) {
    SimulatedFileSystem disk(static_cast<std::uint64_t>(round));
    std::unique_ptr<rocksdb::FSDirectory> root;
    ASSERT_TRUE(disk.NewDirectory("/", {}, &root, nullptr).ok());
    for (const char* path : {"/old", "/new"}) {
      ASSERT_TRUE(rocksdb::WriteStringToFile(&disk, path, path, true).ok());
    }
    ASSERT_TRUE(root->Fsync({}, nullptr).ok());
    ASSERT_TRUE(disk.RenameFile("/new", "/old", {}, nullptr).ok());
    disk.power_cut(Loss::tail);
    std::string bytes;
    ASSERT_TRUE(rocksdb::ReadFileToString(&disk, "/old", &bytes).ok());
    const bool is_new = bytes == "/new";
    EXPECT_EQ(disk.FileExists("/new", {}, nullptr).ok(), !is_new);
    (is_new ? renamed : came_back) = true;
  }
  EXPECT_TRUE(renamed);
  EXPECT_TRUE(came_back);
}

TEST_F(SimulatedFileSystemTest, SyncedChangesOfNamesStay) {
  for (const char* path : {"/old", "/new", "/gone"}) {
    ASSERT_TRUE(rocksdb::WriteStringToFile(&disk_, path, path, true).ok());
  }
  ASSERT_TRUE(sync_directory("/"));
  ASSERT_TRUE(disk_.RenameFile("/new", "/old", {}, nullptr).ok());
  ASSERT_TRUE(disk_.DeleteFile("/gone", {}, nullptr).ok());
  ASSERT_TRUE(sync_directory("/"));
  disk_.power_cut(Loss::tail);
  EXPECT_THAT(names("/"), UnorderedElementsAre("old"));
  EXPECT_EQ(content("/old"), "/new");
}

TEST_F(SimulatedFileSystemTest, FilesOfTheRunBeforeFail) {
  const File file = create("/a");
  ASSERT_TRUE(append(file, "synced") && sync(file) && sync_directory("/"));
  disk_.power_cut(Loss::tail);
  EXPECT_FALSE(append(file, "late"));
  EXPECT_FALSE(sync(file));
  EXPECT_EQ(content("/a"), "synced");
}

TEST_F(SimulatedFileSystemTest, PowerGoesAtTheNthChange) {
  const File file = create("/a");
  ASSERT_TRUE(append(file, "1") && sync(file) && sync_directory("/"));
  disk_.power_off_at(2);
  EXPECT_TRUE(append(file, "2"));
  EXPECT_FALSE(sync(file));
  EXPECT_TRUE(disk_.is_off());
  EXPECT_FALSE(append(file, "3"));
  disk_.power_on(Loss::tail);
  EXPECT_TRUE(std::string("12").starts_with(content("/a")));
}

TEST_F(SimulatedFileSystemTest, TheNthOperationOfAKindFailsOnceOrFromThenOn) {
  const File file = create("/a");
  disk_.fail({.operation = FileOperation::append, .nth = 2, .no_space = true});
  EXPECT_TRUE(append(file, "1"));
  EXPECT_FALSE(append(file, ""));
  EXPECT_TRUE(append(file, "2"));
  EXPECT_EQ(disk_.failed_operations(), 1u);
  EXPECT_EQ(content("/a"), "12");
  disk_.fail({.operation = FileOperation::read, .lasting = true, .path_part = "/a"});
  EXPECT_THAT(content("/a"), StartsWith("IO error"));
  EXPECT_THAT(content("/a"), StartsWith("IO error"));
  disk_.end_fault();
  EXPECT_EQ(content("/a"), "12");
}

TEST_F(SimulatedFileSystemTest, WhatAFailedSyncWasToWriteIsNeverSafe) {
  bool is_damaged = false;
  for (int round = 0; round < 20; ++round) {
    const File file = create("/a");
    ASSERT_TRUE(append(file, "before") && sync(file) && sync_directory("/"));
    ASSERT_TRUE(append(file, "failed"));
    disk_.fail({.operation = FileOperation::sync});
    EXPECT_FALSE(sync(file));
    ASSERT_TRUE(append(file, "after") && sync(file));
    EXPECT_EQ(content("/a"), "beforefailedafter");
    EXPECT_EQ(disk_.unsafe_bytes("/a"), 6u);
    disk_.power_cut(Loss::tail);
    EXPECT_THAT(content("/a"), StartsWith("before"));
    EXPECT_EQ(content("/a").substr(12), "after");
    is_damaged |= content("/a") != "beforefailedafter";
  }
  EXPECT_TRUE(is_damaged);
}

TEST_F(SimulatedFileSystemTest, CountsWhatIsDone) {
  const File file = create("/a");
  ASSERT_TRUE(append(file, "1") && append(file, "2") && sync(file));
  EXPECT_EQ(disk_.count(FileOperation::create), 1u);
  EXPECT_EQ(disk_.count(FileOperation::append), 2u);
  EXPECT_EQ(disk_.count(FileOperation::sync), 1u);
  EXPECT_EQ(disk_.change_count(), 4u);
}

TEST_F(SimulatedFileSystemTest, LocksEndWithTheRun) {
  rocksdb::FileLock* lock = nullptr;
  rocksdb::FileLock* second = nullptr;
  ASSERT_TRUE(disk_.LockFile("/LOCK", {}, &lock, nullptr).ok());
  EXPECT_FALSE(disk_.LockFile("/LOCK", {}, &second, nullptr).ok());
  disk_.power_cut(Loss::tail);
  EXPECT_TRUE(disk_.LockFile("/LOCK", {}, &second, nullptr).ok());
  EXPECT_TRUE(disk_.UnlockFile(lock, {}, nullptr).ok());
  EXPECT_FALSE(disk_.LockFile("/LOCK", {}, &lock, nullptr).ok());
  EXPECT_TRUE(disk_.UnlockFile(second, {}, nullptr).ok());
}

class SimulatedEnvironmentTest : public ::testing::Test {
 protected:
  std::unique_ptr<rocksdb::DB> open() {
    rocksdb::Options options;
    options.env = &environment_;
    options.create_if_missing = true;
    rocksdb::DB* database = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, "/database", &database);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return std::unique_ptr<rocksdb::DB>(database);
  }

  static std::string value(rocksdb::DB& database, const std::string& key) {
    std::string found;
    const rocksdb::Status status = database.Get({}, key, &found);
    return status.ok() ? found : status.ToString();
  }

  rocksdb::WriteOptions synced() {
    rocksdb::WriteOptions options;
    options.sync = true;
    return options;
  }

  SimulatedEnvironment environment_{1};
};

TEST_F(SimulatedEnvironmentTest, ADatabaseKeepsWhatItSyncedAndLosesTheRest) {
  auto database = open();
  std::unique_ptr<rocksdb::FSDirectory> root;
  ASSERT_TRUE(environment_.disk().NewDirectory("/", {}, &root, nullptr).ok());
  ASSERT_TRUE(root->Fsync({}, nullptr).ok());
  ASSERT_TRUE(database->Put(synced(), "flushed", "1").ok());
  ASSERT_TRUE(database->Flush({}).ok());
  ASSERT_TRUE(database->Put(synced(), "logged", "2").ok());
  ASSERT_TRUE(database->Put({}, "lost", std::string(100'000, '3')).ok());
  environment_.disk().power_off();
  database.reset();
  environment_.disk().power_on(Loss::tail);
  database = open();
  EXPECT_EQ(value(*database, "flushed"), "1");
  EXPECT_EQ(value(*database, "logged"), "2");
  EXPECT_THAT(value(*database, "lost"), StartsWith("NotFound"));
}

TEST_F(SimulatedEnvironmentTest, HeldJobsWait) {
  const auto database = open();
  ASSERT_TRUE(database->Put(synced(), "key", "value").ok());
  std::vector<rocksdb::LiveFileMetaData> tables;
  {
    const HeldJobs held(environment_);
    rocksdb::FlushOptions options;
    options.wait = false;
    ASSERT_TRUE(database->Flush(options).ok());
    database->GetLiveFilesMetaData(&tables);
    EXPECT_THAT(tables, IsEmpty());
  }
  database->GetLiveFilesMetaData(&tables);
  EXPECT_EQ(tables.size(), 1u);
}

}  // namespace
}  // namespace lepus::storage
