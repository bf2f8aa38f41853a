#include "storage/disk_reserve.h"

#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/statvfs.h>

#include "storage/posix_file.h"

namespace lepus::storage {

DiskReserve::DiskReserve(std::filesystem::path file, std::uint64_t bytes)
    : file_(std::move(file)), bytes_(bytes), is_held_(bytes == 0) {}

bool DiskReserve::make() {
  if (is_held_) {
    return true;
  }
  {
    const PosixFile file(file_, O_RDWR | O_CREAT);
    is_held_ =
        file.is_open() && ::posix_fallocate(file.number(), 0, static_cast<off_t>(bytes_)) == 0;
  }
  if (!is_held_) {
    release();
  }
  return is_held_;
}

void DiskReserve::release() {
  if (bytes_ == 0) {
    return;
  }
  std::error_code error;  // What can't be removed makes no room: the store finds out.
  std::filesystem::remove(file_, error);
  is_held_ = false;
}

bool DiskReserve::is_needed() const {
  struct statvfs disk {};

  return bytes_ != 0 && ::statvfs(file_.parent_path().c_str(), &disk) == 0 &&
         std::uint64_t{disk.f_bavail} * disk.f_frsize < bytes_;
}

}  // namespace lepus::storage
