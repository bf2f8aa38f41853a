// The checksum of the log, which the processor computes in the place of RocksDB's table.

#include "storage/crc32c.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "tests/storage/rocksdb_fixture.h"

namespace lepus::storage {
namespace {

std::uint32_t computed_with_a_table(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::string some_bytes(std::size_t count) {
  std::string bytes;
  for (std::uint32_t place = 0; place < count; ++place) {
    bytes.push_back(static_cast<char>(place * 2654435761U >> 24U));
  }
  return bytes;
}

TEST(Crc32c, IsThatOfTheRfc) {
  EXPECT_EQ(extend_crc32c(0, std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(extend_crc32c(0, std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(extend_crc32c(0, "123456789"), 0xe3069283U);
  EXPECT_EQ(extend_crc32c(0, ""), 0U);
}

TEST(Crc32c, OfEveryLengthAndAlignment) {
  const std::string bytes = some_bytes(5000);
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t size = 0; size < 4900; size += size < 400 ? 1 : 509) {
      const std::string_view part = std::string_view(bytes).substr(offset, size);
      ASSERT_EQ(extend_crc32c(0, part), computed_with_a_table(part)) << offset << ", " << size;
    }
  }
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const std::string bytes = some_bytes(1000);
  const std::string_view view = bytes;
  for (const std::size_t cut : {0, 1, 7, 512, 1000}) {
    EXPECT_EQ(extend_crc32c(extend_crc32c(0, view.substr(0, cut)), view.substr(cut)),
              extend_crc32c(0, view));
  }
}

TEST(Crc32c, TakesThePlaceOfRocksdbs) {
  void* const called = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  ASSERT_NE(called, nullptr) << "RocksDB's library has no such function any more";
  Dl_info where{};
  ASSERT_NE(dladdr(called, &where), 0);
  EXPECT_EQ(std::strstr(where.dli_fname, "librocksdb"), nullptr) << where.dli_fname;
}

class Crc32cOfLogTest : public RocksdbFixture {};

TEST_F(Crc32cOfLogTest, IsWhatRocksdbWouldWrite) {
  open();
  commit([](Batch& batch) { put(batch, {QueueId{1}, 0, 0}, some_bytes(1000)); });
  std::size_t fragments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_ / "store")) {
    if (entry.path().extension() != ".log") {
      continue;
    }
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string log{std::istreambuf_iterator<char>(stream), {}};
    constexpr std::size_t header_bytes = 7;
    if (log.size() < header_bytes) {
      continue;
    }
    const auto* const bytes = reinterpret_cast<const unsigned char*>(log.data());
    const std::size_t size = boost::endian::load_little_u16(bytes + 4);
    const std::uint32_t sum =
        computed_with_a_table(std::string_view(log).substr(header_bytes - 1, size + 1));
    EXPECT_EQ(boost::endian::load_little_u32(bytes), ((sum >> 15U) | (sum << 17U)) + 0xa282ead8U);
    fragments += 1;
  }
  EXPECT_GT(fragments, 0U);
}

}  // namespace
}  // namespace lepus::storage
