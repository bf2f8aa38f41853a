#include "storage/disk_reserve.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/storage/temporary_directory.h"

namespace lepus::storage {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

std::uint64_t allocated_bytes(const std::filesystem::path& file) {
  struct stat status {};

  return ::stat(file.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512
                                            : 0;
}

TEST(DiskReserve, RoomIsReallyTakenAndGivenBack) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "reserve";
  DiskReserve reserve(file, 4 * mib);
  EXPECT_FALSE(reserve.is_held());
  ASSERT_TRUE(reserve.make());
  EXPECT_TRUE(reserve.is_held());
  EXPECT_GE(allocated_bytes(file), 4 * mib);
  reserve.release();
  EXPECT_FALSE(reserve.is_held());
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(DiskReserve, WithoutEnoughRoomNothingIsTaken) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "reserve";
  DiskReserve reserve(file, std::uint64_t{1} << 60U);
  EXPECT_TRUE(reserve.is_needed());
  EXPECT_FALSE(reserve.make());
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(DiskReserve, NoneIsAlwaysHeld) {
  const TemporaryDirectory directory;
  DiskReserve reserve(directory.path() / "reserve", 0);
  EXPECT_TRUE(reserve.is_held());
  EXPECT_FALSE(reserve.is_needed());
  reserve.release();
  EXPECT_TRUE(reserve.is_held());
}

}  // namespace
}  // namespace lepus::storage
