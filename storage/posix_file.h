#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace lepus::storage {

/// A file that is closed when it goes out of scope. After a call that failed, errno says why.
class PosixFile {
 public:
  /// @param flags  open()'s
  PosixFile(const std::filesystem::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}

  ~PosixFile() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }

  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  [[nodiscard]] int number() const { return number_; }

  /// The descriptor, which is the caller's to close from now on.
  int release() { return std::exchange(number_, -1); }

  /// The first bytes, as many as a file of one or two lines has.
  [[nodiscard]] std::string read_start() const {
    char bytes[256];
    const ssize_t size = ::pread(number_, bytes, sizeof(bytes), 0);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
  }

  /// Writes a small text at the beginning and syncs it.
  [[nodiscard]] bool write(std::string_view text) const {
    return ::pwrite(number_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
           ::fsync(number_) == 0;
  }

 private:
  int number_;
};

/// "No space left on device", for an errno.
[[nodiscard]] inline std::string text_of_errno(int error) {
  return std::generic_category().message(error);
}

}  // namespace lepus::storage
