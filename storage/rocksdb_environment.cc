#include "storage/rocksdb_environment.h"

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/env.h>

namespace lepus::storage {

namespace {

bool sync(rocksdb::Env& environment, const std::filesystem::path& path) {
  std::unique_ptr<rocksdb::Directory> directory;
  return environment.NewDirectory(path.string(), &directory).ok() && directory->Fsync().ok();
}

/// Transient rows of the last run do not count.
rocksdb::Status remove_files(rocksdb::Env& environment, const std::string& path) {
  if (!environment.FileExists(path).ok()) {
    return rocksdb::Status::OK();
  }
  std::vector<std::string> names;
  rocksdb::Status status = environment.GetChildren(path, &names);
  for (const std::string& name : names) {
    if (status.ok()) {
      status = environment.DeleteFile((std::filesystem::path{path} / name).string());
    }
  }
  return status;
}

}  // namespace

Result<DataDirectory> open_directory(const std::filesystem::path& path,
                                     const StoreOptions& options) {
  if (options.environment == nullptr) {
    return DataDirectory::open(path);
  }
  DataDirectory directory = DataDirectory::on_another_disk(path);
  rocksdb::Status status = options.environment->CreateDirIfMissing(path.string());
  if (status.ok()) {
    status = remove_files(*options.environment, directory.transient_path().string());
  }
  if (!status.ok()) {
    return fail("data directory " + path.string() + ": " + status.ToString());
  }
  return directory;
}

bool sync_directory(const DataDirectory& directory, const StoreOptions& options) {
  if (options.environment == nullptr) {
    return directory.sync();
  }
  return sync(*options.environment, directory.path()) &&
         sync(*options.environment, directory.path().parent_path());
}

}  // namespace lepus::storage
