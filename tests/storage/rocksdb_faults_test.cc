// Disks that fill up and files that are damaged.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <sys/resource.h>

#include "storage/open_store.h"
#include "tests/storage/rocksdb_fixture.h"

namespace lepus::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr QueueId queue_1{1};

/// While it lives no file of this process grows beyond a size, as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t file_bytes_max) {
    previous_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &previous_);
    const rlimit limit{file_bytes_max, previous_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &previous_);
    std::signal(SIGXFSZ, previous_handler_);
  }

  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit previous_{};
  void (*previous_handler_)(int) = nullptr;
};

class RocksdbFaultsTest : public RocksdbFixture {
 protected:
  void SetUp() override { open(); }

  Outcome commit_large(Position position) {
    return commit([&](Batch& batch) {
      put(batch, {queue_1, 0, position}, std::string(1 << 20, 'x'));
      batch.put_progress(queue_1, progress_with_floor(2, position + 1));
    });
  }

  /// The files of the durable instance with this ending, by size; the largest last.
  std::vector<fs::path> files(const std::string& extension) {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "store")) {
      if (entry.path().extension() == extension) {
        found.push_back(entry.path());
      }
    }
    std::ranges::sort(found, {}, [](const fs::path& file) { return fs::file_size(file); });
    return found;
  }

  /// Of 210 rows of one queue, the first 200 in several tables of one level.
  void damage_the_second_of_several_tables() {
    options_.table_bytes = 32'000;
    crash_and_open();
    backend_->recovery_finished({});
    put_rows(queue_1, 0, 0, 200, 1000);
    compact(backend_->durable());
    put_rows(queue_1, 0, 200, 210);
    std::vector<rocksdb::LiveFileMetaData> tables;
    backend_->durable().db().GetLiveFilesMetaData(&tables);
    std::erase_if(
        tables, [](const auto& table) { return table.column_family_name != messages_family_name; });
    std::ranges::sort(tables, {}, [](const auto& table) { return table.smallestkey; });
    ASSERT_GT(tables.size(), 2U);
    backend_.reset();
    flip_byte(path_ / "store" / tables[1].relative_filename, 100);
    open();
  }

  static void flip_byte(const fs::path& file, std::streamoff offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(offset);
    const char byte = static_cast<char>(stream.get());
    stream.seekp(offset);
    stream.put(static_cast<char>(byte ^ 0x40));
  }

  std::string open_error() {
    const auto opened = open_rocksdb_store(path_, options_);
    return opened ? "opened" : opened.error().text;
  }
};

/// RocksDB goes on after the table before it as if it were empty, if it is allowed to.
TEST_F(RocksdbFaultsTest, ATableThatCantBeReadIsNotTakenForAnEmptyOne) {
  damage_the_second_of_several_tables();
  Position covered_below = 0;
  const ReadOutcome outcome = backend_->read(
      {queue_1, 0, {0, 210}, 0, 0},
      [&](Position position, bool, std::string_view) { EXPECT_EQ(position, covered_below++); });
  EXPECT_TRUE(outcome.failed);
  EXPECT_THAT(outcome.error, HasSubstr("checksum"));
  EXPECT_GT(covered_below, 0U);
  EXPECT_LT(covered_below, 200U);
}

TEST_F(RocksdbFaultsTest, ATableThatCantBeReadIsNotLeftOutOfACompaction) {
  damage_the_second_of_several_tables();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const RocksdbDatabase& database = backend_->durable();
  EXPECT_TRUE(database.db()
                  .CompactRange(options, database.families().messages, nullptr, nullptr)
                  .IsCorruption());
}

TEST_F(RocksdbFaultsTest, AfterAFailedWriteEveryOutcomeIsUnknownAndReadsGoOn) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 3);
  {
    const FullDisk full(std::size_t{256} << 10);
    EXPECT_EQ(commit_large(3), Outcome::unknown);
  }
  EXPECT_EQ(commit([](Batch& batch) { put(batch, {queue_1, 0, 4}, "small"); }), Outcome::unknown);
  EXPECT_THAT(errors_, SizeIs(1));
  EXPECT_THAT(errors_[0], HasSubstr("a write to " + path_.string()));
  std::vector<Position> read;
  const ReadOutcome outcome =
      backend_->read({queue_1, 0, {0, 3}, 0, 0},
                     [&](Position position, bool, std::string_view) { read.push_back(position); });
  EXPECT_FALSE(outcome.failed);
  EXPECT_THAT(read, ElementsAre(0, 1, 2));
}

/// The operating system's files, on a disk that is full while the reserve is there.
class FullUntilReserveIsFreed final : public rocksdb::FileSystemWrapper {
 public:
  explicit FullUntilReserveIsFreed(fs::path reserve)
      : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()), reserve_(std::move(reserve)) {}

  [[nodiscard]] const char* Name() const override { return "FullUntilReserveIsFreed"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    rocksdb::IOStatus status = target()->NewWritableFile(path, options, &file, debug);
    if (status.ok()) {
      *result = std::make_unique<File>(std::move(file), *this);
    }
    return status;
  }

  std::atomic<bool> is_full = false;

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile>&& file, FullUntilReserveIsFreed& disk)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}

    using rocksdb::FSWritableFile::Append;

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (disk_.is_full && fs::exists(disk_.reserve_)) {
        return rocksdb::IOStatus::NoSpace("the disk is full");
      }
      return target()->Append(data, options, debug);
    }

   private:
    FullUntilReserveIsFreed& disk_;
  };

  const fs::path reserve_;
};

TEST_F(RocksdbFaultsTest, FullDiskIsSurvivedByTheReserve) {
  backend_.reset();
  const auto disk = std::make_shared<FullUntilReserveIsFreed>(path_ / "lepus.reserve");
  const std::unique_ptr<rocksdb::Env> environment = rocksdb::NewCompositeEnv(disk);
  options_.environment = environment.get();
  options_.reserve_bytes = std::uint64_t{1} << 20;
  open();
  backend_->recovery_finished({});
  ASSERT_TRUE(fs::exists(path_ / "lepus.reserve"));
  disk->is_full = true;
  EXPECT_EQ(commit_large(3), Outcome::unknown);
  EXPECT_FALSE(backend_->health().is_good);
  backend_->resume();
  EXPECT_TRUE(backend_->can_commit());
  backend_.reset();
}

TEST_F(RocksdbFaultsTest, WhileThereIsNoRoomForTheReserveTheHealthIsNotGood) {
  EXPECT_EQ(backend_->health(), StoreHealth());
  backend_.reset();
  options_.reserve_bytes = std::uint64_t{1} << 60;
  open();
  EXPECT_THAT(backend_->health().problem, HasSubstr("nearly full"));
  EXPECT_TRUE(backend_->needs_resume());
  EXPECT_TRUE(backend_->can_commit());
  EXPECT_THAT(errors_, SizeIs(1));
  backend_->resume();
  EXPECT_THAT(errors_, SizeIs(1));
}

TEST_F(RocksdbFaultsTest, FailedCommitDeclaresNothingDead) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 3);
  {
    const FullDisk full(std::size_t{256} << 10);
    EXPECT_EQ(commit_large(3), Outcome::unknown);
  }
  EXPECT_EQ(backend_->durable_dead().find(queue_1), nullptr);
}

TEST_F(RocksdbFaultsTest, WhatWasConfirmedBeforeAFailedWriteIsThereAfterwards) {
  backend_->recovery_finished({});
  put_rows(queue_1, 0, 0, 3);
  {
    const FullDisk full(std::size_t{256} << 10);
    EXPECT_EQ(commit_large(3), Outcome::unknown);
  }
  backend_->close(true);
  backend_.reset();
  open();
  EXPECT_FALSE(recovered_.clean_stop);
  EXPECT_EQ(recovered_.last_numbers.at(0), 1u);
  EXPECT_THAT(kept(queue_1), ElementsAre(0, 1, 2));
}

TEST_F(RocksdbFaultsTest, MissingTableRefusesTheStart) {
  put_rows(queue_1, 0, 0, 100, 1000);
  flush(backend_->durable());
  backend_.reset();
  fs::remove(files(".sst").back());
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("the store in " + (path_ / "store").string() + " can't be opened"),
                    HasSubstr(".sst"), HasSubstr("lepus store repair --accept-loss"),
                    Not(HasSubstr("\n"))));
}

TEST_F(RocksdbFaultsTest, MissingLogRefusesTheStart) {
  commit([](Batch& batch) {
    put(batch, {queue_1, 0, 0}, "flushed");
    batch.put_topology("key", "keeps the log");
  });
  flush(backend_->durable());
  put_rows(queue_1, 0, 1, 2, 1000);  // into the next log
  backend_.reset();
  std::vector<fs::path> logs = files(".log");
  ASSERT_THAT(logs, SizeIs(2));
  std::ranges::sort(logs);
  fs::remove(logs.front());
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("can't be opened"), HasSubstr("issing WAL"),
                    HasSubstr("lepus store repair --accept-loss"), Not(HasSubstr("\n"))));
}

TEST_F(RocksdbFaultsTest, DamagedTableFailsTheReadAndPassesOnWhatIsGood) {
  put_rows(queue_1, 0, 0, 1000, 1000);
  flush(backend_->durable());
  backend_.reset();
  const fs::path table = files(".sst").back();
  flip_byte(table, static_cast<std::streamoff>(fs::file_size(table) / 2));
  open();
  std::size_t rows = 0;
  const ReadOutcome outcome = backend_->read({queue_1, 0, {0, 1000}, 0, 0},
                                             [&](Position, bool, std::string_view) { rows += 1; });
  EXPECT_TRUE(outcome.failed);
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("Corruption"), HasSubstr(table.string())));
  EXPECT_THAT(backend_->health().problem,
              AllOf(HasSubstr(table.string()), HasSubstr("lepus store repair --accept-loss"),
                    Not(HasSubstr("\n"))));
  EXPECT_GT(rows, 0u);
  EXPECT_EQ(outcome.covered_below, rows);
}

TEST_F(RocksdbFaultsTest, DamagedProgressRecordRefusesTheStart) {
  put_floor(queue_1, 1, 2);
  const RocksdbDatabase& database = backend_->durable();
  const NumberBytes key = encode_number(value_of(queue_1));
  ASSERT_TRUE(database.db()
                  .Put({}, database.families().progress, {key.data(), key.size()}, "\x01\x07")
                  .ok());
  backend_.reset();
  EXPECT_THAT(open_error(), HasSubstr("progress record"));
}

TEST_F(RocksdbFaultsTest, SecondBrokerIsRefused) {
  EXPECT_THAT(open_error(), HasSubstr("in use by another broker"));
  EXPECT_THAT(errors_, IsEmpty());
}

}  // namespace
}  // namespace lepus::storage
