#include "storage/data_directory.h"

#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/file.h>

#include "storage/posix_file.h"
#include "storage/record_format.h"

namespace lepus::storage {

namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = "lepus.lock";
constexpr const char* marker_name = "lepus-data";
constexpr const char* new_marker_name = "lepus-data.new";
constexpr std::string_view marker_title = "lepus data directory\nformat ";

/// "data directory PATH: WHAT"
Error failure(const fs::path& path, const std::string& what) {
  return fail("data directory " + path.string() + ": " + what);
}

/// Creates the directory and its parents. Nothing if it is there.
std::optional<Error> create(const fs::path& path) {
  std::error_code error;
  const bool created = fs::create_directories(path, error);
  if (error) {
    return failure(path, "can't be created: " + error.message());
  }
  if (created) {
    fs::permissions(path, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec,
                    error);
  }
  if (!fs::is_directory(path, error)) {
    return failure(path, "is not a directory");
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return failure(path,
                   "no permission to read and write it; give it to the broker's user or name "
                   "another with --data-dir");
  }
  return std::nullopt;
}

/// True if nothing but what an earlier, interrupted start may have left is in it.
bool is_unused(const fs::path& path, std::error_code& error) {
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const fs::path name = entry.path().filename();
    if (name != lock_name && name != new_marker_name && name != "lost+found") {
      return false;
    }
  }
  return true;
}

std::optional<Error> write_marker(const fs::path& path) {
  const fs::path new_marker = path / new_marker_name;
  {
    const PosixFile file(new_marker, O_RDWR | O_CREAT | O_TRUNC);
    if (!file.is_open() ||
        !file.write(std::string(marker_title) + std::to_string(format_version) + "\n")) {
      return failure(path, "its owner marker can't be written: " + text_of_errno(errno));
    }
  }
  std::error_code error;
  fs::rename(new_marker, path / marker_name, error);
  const PosixFile directory(path, O_RDONLY | O_DIRECTORY);
  if (error || !directory.is_open() || ::fsync(directory.number()) != 0) {
    return failure(path, "its owner marker can't be written: " + text_of_errno(errno));
  }
  return std::nullopt;
}

/// The format version an owner marker names; nothing if it is none.
std::optional<std::uint32_t> parse_marker(std::string_view text) {
  if (!text.starts_with(marker_title)) {
    return std::nullopt;
  }
  text.remove_prefix(marker_title.size());
  std::uint32_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end == text.data() + text.size() || *end != '\n') {
    return std::nullopt;
  }
  return version;
}

/// Reads the owner marker, or writes one into an unused directory.
std::optional<Error> check_owner(const fs::path& path) {
  const PosixFile marker(path / marker_name, O_RDONLY);
  if (!marker.is_open() && errno != ENOENT) {
    return failure(path, "its owner marker can't be read: " + text_of_errno(errno));
  }
  if (!marker.is_open()) {
    std::error_code error;
    const bool unused = is_unused(path, error);
    if (error) {
      return failure(path, "can't be listed: " + error.message());
    }
    return unused ? write_marker(path)
                  : failure(path,
                            "is not empty and not a Lepus data directory; name an empty one "
                            "with --data-dir");
  }
  const std::optional<std::uint32_t> version = parse_marker(marker.read_start());
  if (!version) {
    return failure(path, "its owner marker '" + std::string(marker_name) + "' is damaged");
  }
  if (*version != format_version) {
    return failure(path, "has format " + std::to_string(*version) + ", and this Lepus knows only " +
                             std::to_string(format_version) +
                             "; start the Lepus that wrote it or name another with --data-dir");
  }
  return std::nullopt;
}

/// The locked file's descriptor.
/// @param advice  what to do if it is in use
Result<int> lock(const fs::path& path, const std::string& advice) {
  PosixFile file(path / lock_name, O_RDWR | O_CREAT);
  if (!file.is_open()) {
    return failure(path, "its lock file can't be opened: " + text_of_errno(errno));
  }
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return failure(path, "can't be locked: " + text_of_errno(errno));
    }
    std::string owner = file.read_start();
    owner.resize(std::min(owner.find('\n'), owner.size()));
    return failure(path, "is in use by another broker (process " + owner + "); " + advice);
  }
  // The process id is a courtesy to whoever reads the error above; a full disk must not keep the
  // broker from starting.
  if (::ftruncate(file.number(), 0) == 0) {
    (void)file.write(std::to_string(::getpid()) + "\n");
  }
  return file.release();
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::filesystem::path& path) {
  if (auto error = create(path)) {
    return *error;
  }
  Result<int> lock_file = lock(path, "stop it or name another directory with --data-dir");
  if (!lock_file) {
    return lock_file.error();
  }
  DataDirectory directory(path, *lock_file);
  if (auto error = check_owner(path)) {
    return *error;
  }
  std::error_code error;
  fs::remove_all(directory.transient_path(), error);
  if (error) {
    return failure(path, "its transient rows can't be removed: " + error.message());
  }
  return directory;
}

Result<DataDirectory> DataDirectory::open_stopped(const std::filesystem::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return failure(path, "is not there");
  }
  if (!fs::exists(path / marker_name, error)) {
    return error ? failure(path, "can't be read: " + error.message())
                 : failure(path, "is not a Lepus data directory");
  }
  if (auto foreign = check_owner(path)) {
    return *foreign;
  }
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0 && errno == EROFS) {
    return DataDirectory(path, -1);
  }
  Result<int> lock_file = lock(path, "stop it first");
  if (!lock_file) {
    return lock_file.error();
  }
  return DataDirectory(path, *lock_file);
}

Result<void> DataDirectory::mark(const std::filesystem::path& path) {
  if (auto error = write_marker(path)) {
    return *error;
  }
  return {};
}

bool DataDirectory::sync() const {
  const fs::path absolute = fs::absolute(path_).lexically_normal();
  const PosixFile directory(absolute, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || ::fsync(directory.number()) != 0) {
    return false;
  }
  // Those above it may have been created for it; the ones that are not ours need not be readable.
  for (fs::path above = absolute; above.has_relative_path();) {
    above = above.parent_path();
    const PosixFile parent(above, O_RDONLY | O_DIRECTORY);
    if (!parent.is_open() || ::fsync(parent.number()) != 0) {
      break;
    }
  }
  return true;
}

DataDirectory::~DataDirectory() {
  if (lock_file_ >= 0) {
    ::close(lock_file_);
  }
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_file_(std::exchange(other.lock_file_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_file_, other.lock_file_);
  return *this;
}

}  // namespace lepus::storage
