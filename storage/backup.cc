#include "storage/backup.h"

#include <string>
#include <system_error>

#include "storage/data_directory.h"
#include "storage/store_files.h"

namespace lepus::storage {

namespace {

namespace fs = std::filesystem;

Error failure(const fs::path& to, const std::string& what) {
  return fail("the copy " + to.string() + " " + what);
}

}  // namespace

Result<void> make_backup(const fs::path& to,
                         const std::function<Result<void>(const fs::path&)>& fill) {
  std::error_code error;
  if (!to.is_absolute()) {
    return failure(to, "must be an absolute path");
  }
  if (!fs::is_directory(to.parent_path(), error)) {
    return failure(to, "can't be made: there is no directory " + to.parent_path().string());
  }
  if (!fs::create_directory(to, error)) {
    return failure(to, error ? "can't be created: " + error.message()
                             : "is there already; name one that is not");
  }
  fs::permissions(to, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
  Result<void> made = fill(to / "store");
  if (made) {
    made = sync_directory_names(to);
  }
  if (made) {
    made = DataDirectory::mark(to);
  }
  if (made) {
    return sync_directory_names(to.parent_path());
  }
  std::error_code ignored;
  fs::remove_all(to, ignored);
  return failure(to, "could not be made: " + made.error().text);
}

Result<void> backup_stopped(const fs::path& data_directory, const fs::path& to) {
  const fs::path from = data_directory / "store";
  return make_backup(to, [&](const fs::path& store) { return copy_store(from, store); });
}

}  // namespace lepus::storage
