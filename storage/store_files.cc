#include "storage/store_files.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>

#include "storage/posix_file.h"

namespace lepus::storage {

namespace {

namespace fs = std::filesystem;

Error failure(const fs::path& path, const std::string& what) {
  return fail(path.string() + " " + what);
}

Result<void> sync_file(const fs::path& path) {
  const PosixFile file(path, O_RDONLY);
  if (!file.is_open() || ::fsync(file.number()) != 0) {
    return failure(path, "can't be synced: " + text_of_errno(errno));
  }
  return {};
}

Result<void> link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (from.extension() == ".sst") {
    fs::create_hard_link(from, to, error);
    if (!error) {
      return {};
    }
  }
  fs::copy_file(from, to, error);
  if (error) {
    return failure(from, "can't be copied to " + to.string() + ": " + error.message());
  }
  return sync_file(to);
}

}  // namespace

Result<void> copy_store(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::create_directory(to, error) || error) {
    return failure(to, error ? "can't be created: " + error.message() : "is there already");
  }
  auto entry = fs::directory_iterator(from, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().filename() == "LOCK" || !entry->is_regular_file(error)) {
      continue;
    }
    if (auto copied = link_or_copy(entry->path(), to / entry->path().filename()); !copied) {
      return copied;
    }
  }
  if (error) {
    return failure(from, "can't be listed: " + error.message());
  }
  return sync_directory_names(to);
}

Result<void> exchange_directories(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    const fs::path aside = other.string() + ".aside";
    std::error_code error;
    fs::rename(other, aside, error);
    if (!error) {
      fs::rename(one, other, error);
    }
    if (!error) {
      fs::rename(aside, one, error);
    }
    if (error) {
      return failure(one, "can't take the place of " + other.string() + ": " + error.message());
    }
  }
  for (const fs::path& parent : {one.parent_path(), other.parent_path()}) {
    if (auto synced = sync_directory_names(parent); !synced) {
      return synced;
    }
  }
  return {};
}

Result<void> sync_directory_names(const fs::path& directory) {
  const PosixFile file(directory, O_RDONLY | O_DIRECTORY);
  if (!file.is_open() || ::fsync(file.number()) != 0) {
    return failure(directory, "can't be synced: " + text_of_errno(errno));
  }
  return {};
}

}  // namespace lepus::storage
