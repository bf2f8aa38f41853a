// What a power cut leaves at the end of the log is cut off; all other damage refuses the start.

#include "storage/rocksdb_log_scan.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <rocksdb/env.h>

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
constexpr std::uint64_t page_bytes = 4096;

class RocksdbLogScanTest : public RocksdbFixture {
 protected:
  RocksdbLogScanTest() {
    options_.log = [this](LogLevel level, const std::string& text) {
      if (level == LogLevel::warning) {
        warnings_.push_back(text);
      }
    };
  }

  void SetUp() override { open(); }

  /// The logs of the durable instance, the oldest first.
  std::vector<fs::path> logs() const {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "store")) {
      if (entry.path().extension() == ".log") {
        found.push_back(entry.path());
      }
    }
    std::ranges::sort(found);
    return found;
  }

  /// Where the last log ends now.
  std::uint64_t log_end() const { return fs::file_size(logs().back()); }

  static std::string content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  static void overwrite(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream << bytes;
  }

  static void flip_bit(const fs::path& file, std::uint64_t offset) {
    const char byte = content(file).at(offset);
    overwrite(file, offset, std::string(1, static_cast<char>(byte ^ 0x10)));
  }

  std::string open_error() {
    const auto opened = open_rocksdb_store(path_, options_);
    return opened ? "opened" : opened.error().text;
  }

  /// The start is refused by one line that names the file and the way out.
  void expect_refused(const fs::path& log) {
    EXPECT_THAT(open_error(),
                AllOf(HasSubstr(log.string()), HasSubstr("lepus store repair --accept-loss"),
                      Not(HasSubstr("\n"))));
    EXPECT_THAT(warnings_, IsEmpty());
  }

  /// It goes on with the first rows, and so many bytes of the log are gone.
  void expect_cut(std::uint64_t bytes, Position rows) {
    open();
    ASSERT_THAT(warnings_, SizeIs(1));
    EXPECT_THAT(warnings_[0],
                AllOf(HasSubstr("cut " + std::to_string(bytes) + " bytes off"),
                      HasSubstr("Nothing confirmed was in it"), Not(HasSubstr("\n"))));
    EXPECT_THAT(kept(queue_1), SizeIs(rows));
  }

  /// Two logs with a record in the first and one in the second, both needed.
  void write_two_logs() {
    commit([](Batch& batch) {
      put(batch, {queue_1, 0, 0}, std::string(1000, 'x'));
      batch.put_topology("key", "keeps the log");
    });
    flush(backend_->durable());
    put_rows(queue_1, 0, 1, 2, 1000);
    backend_.reset();
    ASSERT_THAT(logs(), SizeIs(2));
  }

  std::vector<std::string> warnings_;
};

TEST_F(RocksdbLogScanTest, IntactLogsAreLeftAlone) {
  put_rows(queue_1, 0, 0, 10, 20'000);
  put_rows(queue_1, 0, 10, 11, 300'000);
  backend_.reset();
  const auto scan = scan_rocksdb_log(*rocksdb::Env::Default(), logs().back());
  ASSERT_TRUE(scan);
  EXPECT_TRUE(scan->is_intact());
  EXPECT_GT(scan->size_bytes, 500'000u);
  open();
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_THAT(kept(queue_1), SizeIs(11));
}

TEST_F(RocksdbLogScanTest, TruncatedRecordIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t confirmed = log_end();
  put_rows(queue_1, 0, 3, 6);
  backend_.reset();
  fs::resize_file(logs().back(), log_end() - 5);
  expect_cut(log_end() - confirmed, 3);
}

TEST_F(RocksdbLogScanTest, RecordThatLacksItsLastFragmentsIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t confirmed = log_end();
  put_rows(queue_1, 0, 3, 4, 300'000);
  backend_.reset();
  fs::resize_file(logs().back(), std::uint64_t{4} * 32 * 1024);  // the end of a block
  expect_cut(std::uint64_t{4} * 32 * 1024 - confirmed, 3);
}

TEST_F(RocksdbLogScanTest, PreallocatedZerosAreCutOff) {
  put_rows(queue_1, 0, 0, 3);
  backend_.reset();
  fs::resize_file(logs().back(), log_end() + 100'000);
  expect_cut(100'000, 3);
}

TEST_F(RocksdbLogScanTest, RecordWithAZeroedPageIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t confirmed = log_end();
  put_rows(queue_1, 0, 3, 4, 300'000);
  backend_.reset();
  overwrite(logs().back(), 10 * page_bytes, std::string(page_bytes, '\0'));
  expect_cut(log_end() - confirmed, 3);
}

TEST_F(RocksdbLogScanTest, RecordWhoseFirstPageIsZeroedIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t confirmed = log_end();
  put_rows(queue_1, 0, 3, 4, 300'000);
  backend_.reset();
  overwrite(logs().back(), confirmed, std::string(page_bytes - confirmed, '\0'));
  expect_cut(log_end() - confirmed, 3);
}

TEST_F(RocksdbLogScanTest, GarbageBehindTheLastRecordIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t confirmed = log_end();
  backend_.reset();
  std::string garbage;
  for (std::uint32_t i = 1; garbage.size() < 100'000; ++i) {
    garbage.push_back(static_cast<char>((i * 2'654'435'761U) >> 24U));
  }
  overwrite(logs().back(), confirmed, garbage);
  expect_cut(garbage.size(), 3);
}

TEST_F(RocksdbLogScanTest, TornRecordThatCarriesALogIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::string old_log = content(logs().back());
  const std::uint64_t confirmed = log_end();
  ASSERT_EQ(commit([&](Batch& batch) {
              put(batch, {queue_1, 0, 3}, old_log + old_log);
            }),
            Outcome::committed);
  backend_.reset();
  overwrite(logs().back(), confirmed, "torn");
  expect_cut(log_end() - confirmed, 3);
}

TEST_F(RocksdbLogScanTest, EmptyLastLogIsLeftAlone) {
  put_rows(queue_1, 0, 0, 3);
  backend_.reset();
  const std::ofstream empty_log(path_ / "store" / "000900.log");
  open();
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_THAT(kept(queue_1), ElementsAre(0, 1, 2));
}

TEST_F(RocksdbLogScanTest, TornEndBeforeALogWithoutAWholeRecordIsCutOff) {
  put_rows(queue_1, 0, 0, 3);
  const std::uint64_t end = log_end();
  put_rows(queue_1, 0, 3, 6);
  backend_.reset();
  fs::resize_file(logs().back(), end + 20);
  const std::ofstream empty_log(path_ / "store" / "000900.log");
  expect_cut(20, 3);
}

TEST_F(RocksdbLogScanTest, FlippedBitWithRecordsBehindItRefusesTheStart) {
  put_rows(queue_1, 0, 0, 1, 1000);
  put_rows(queue_1, 0, 1, 2, 1000);
  put_rows(queue_1, 0, 2, 3, 1000);
  backend_.reset();
  flip_bit(logs().back(), log_end() - 1500);
  expect_refused(logs().back());
}

TEST_F(RocksdbLogScanTest, FlippedBitOfALengthRefusesTheStart) {
  put_rows(queue_1, 0, 0, 1, 1000);
  const std::uint64_t second = log_end();
  put_rows(queue_1, 0, 1, 2, 1000);
  put_rows(queue_1, 0, 2, 3, 1000);
  backend_.reset();
  flip_bit(logs().back(), second + 4);
  expect_refused(logs().back());
}

TEST_F(RocksdbLogScanTest, HoleWithARecordInALaterBlockRefusesTheStart) {
  put_rows(queue_1, 0, 0, 1, 300'000);
  put_rows(queue_1, 0, 1, 2, 10);
  backend_.reset();
  overwrite(logs().back(), 10 * page_bytes, std::string(page_bytes, '\0'));
  expect_refused(logs().back());
}

TEST_F(RocksdbLogScanTest, RecordBehindAnUnfinishedOneRefusesTheStart) {
  put_rows(queue_1, 0, 0, 1, 300'000);
  put_rows(queue_1, 0, 1, 2, 10);
  backend_.reset();
  // Without its last fragment, which begins a block, and with the small record in its place.
  std::string bytes = content(logs().back());
  constexpr std::size_t block_bytes = std::size_t{32} << 10;
  const std::size_t last_block = bytes.size() / block_bytes * block_bytes;
  const std::size_t last_fragment_bytes =
      7 + static_cast<unsigned char>(bytes[last_block + 4]) +
      std::size_t{static_cast<unsigned char>(bytes[last_block + 5])} * 256;
  bytes.erase(last_block, last_fragment_bytes);
  fs::resize_file(logs().back(), bytes.size());
  overwrite(logs().back(), 0, bytes);
  expect_refused(logs().back());
}

TEST_F(RocksdbLogScanTest, DamageInAnEarlierLogRefusesTheStart) {
  write_two_logs();
  flip_bit(logs().front(), 500);
  expect_refused(logs().front());
}

TEST_F(RocksdbLogScanTest, TornEndOfAnEarlierLogRefusesTheStart) {
  write_two_logs();
  fs::resize_file(logs().front(), fs::file_size(logs().front()) - 5);
  expect_refused(logs().front());
}

TEST_F(RocksdbLogScanTest, LogThatMayNotBeReadIsNamed) {
  put_rows(queue_1, 0, 0, 3);
  backend_.reset();
  const fs::path log = logs().back();
  fs::remove(log);
  fs::create_directory(log);  // Unreadable for the superuser, too.
  EXPECT_THAT(open_error(), AllOf(HasSubstr(log.string()), HasSubstr("can't be read")));
}

}  // namespace
}  // namespace lepus::storage
