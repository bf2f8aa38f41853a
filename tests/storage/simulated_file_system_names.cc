#include <algorithm>
#include <memory>
#include <utility>

#include "tests/storage/simulated_file_system_node.h"

// Paths: what exists, and how it comes, goes and gets another name.

namespace lepus::storage {

using rocksdb::IOStatus;

class SimulatedFileSystem::Lock final : public rocksdb::FileLock {
 public:
  Lock(std::string path, std::uint64_t run) : path(std::move(path)), run(run) {}

  const std::string path;
  const std::uint64_t run;
};

SimulatedFileSystem::Place SimulatedFileSystem::find(const std::string& path) const {
  Place place{nullptr, "", root_};
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) {
      if (place.node == nullptr || !place.node->is_directory) {
        return {};
      }
      place.parent = place.node.get();
      place.name = path.substr(begin, end - begin);
      const auto found = place.parent->entries.find(place.name);
      place.node = found == place.parent->entries.end() ? nullptr : found->second;
    }
    begin = end + 1;
  }
  return place;
}

IOStatus SimulatedFileSystem::create(FileOperation operation, const std::string& path,
                                     bool is_directory, NodePointer* node) {
  if (IOStatus status = begin(operation, path); !status.ok()) {
    return status;
  }
  const Place place = find(path);
  if (place.parent == nullptr) {
    return IOStatus::PathNotFound(path);
  }
  *node = std::make_shared<Node>(Node{.is_directory = is_directory});
  place.parent->change({{place.name, *node}});
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::remove(const std::string& path, bool is_directory) {
  if (IOStatus status = begin(FileOperation::remove, path); !status.ok()) {
    return status;
  }
  const Place place = find(path);
  if (place.node == nullptr || place.node->is_directory != is_directory) {
    return IOStatus::PathNotFound(path);
  }
  if (!place.node->entries.empty()) {
    return IOStatus::IOError("not empty", path);
  }
  place.parent->change({{place.name, nullptr}});
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::FileExists(const std::string& path, const rocksdb::IOOptions&,
                                         rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (is_off_) {
    return IOStatus::IOError("the power is off", path);
  }
  return find(path).node == nullptr ? IOStatus::NotFound(path) : IOStatus::OK();
}

IOStatus SimulatedFileSystem::GetChildren(const std::string& path, const rocksdb::IOOptions&,
                                          std::vector<std::string>* result,
                                          rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  Handle directory;
  if (IOStatus status = open(path, &directory); !status.ok()) {
    return status.IsPathNotFound() ? IOStatus::NotFound(path) : status;  // as on Linux
  }
  result->clear();
  for (const auto& [name, node] : directory.node->entries) {
    result->push_back(name);
  }
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::DeleteFile(const std::string& path, const rocksdb::IOOptions&,
                                         rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  return remove(path, false);
}

IOStatus SimulatedFileSystem::Truncate(const std::string& path, std::size_t size,
                                       const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (IOStatus status = begin(FileOperation::append, path); !status.ok()) {
    return status;
  }
  const NodePointer node = find(path).node;
  if (node == nullptr) {
    return IOStatus::PathNotFound(path);
  }
  // At once safe; what cuts a file must bear both.
  node->bytes.resize(std::min(size, node->bytes.size()));
  node->synced_bytes = std::min(node->synced_bytes, node->bytes.size());
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::CreateDir(const std::string& path, const rocksdb::IOOptions&,
                                        rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (find(path).node != nullptr) {
    return IOStatus::IOError("exists", path);
  }
  NodePointer node;
  return create(FileOperation::create, path, true, &node);
}

IOStatus SimulatedFileSystem::CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions&,
                                                 rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  NodePointer node = find(path).node;
  if (node != nullptr) {
    return node->is_directory ? IOStatus::OK() : IOStatus::IOError("is no directory", path);
  }
  return create(FileOperation::create, path, true, &node);
}

IOStatus SimulatedFileSystem::DeleteDir(const std::string& path, const rocksdb::IOOptions&,
                                        rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  return remove(path, true);
}

IOStatus SimulatedFileSystem::GetFileSize(const std::string& path, const rocksdb::IOOptions&,
                                          std::uint64_t* size, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (is_off_) {
    return IOStatus::IOError("the power is off", path);
  }
  const NodePointer node = find(path).node;
  if (node == nullptr) {
    return IOStatus::PathNotFound(path);
  }
  *size = node->bytes.size();
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::GetFileModificationTime(const std::string&, const rocksdb::IOOptions&,
                                                      std::uint64_t* time,
                                                      rocksdb::IODebugContext*) {
  *time = 0;
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::RenameFile(const std::string& from, const std::string& to,
                                         const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (IOStatus status = begin(FileOperation::rename, from); !status.ok()) {
    return status;
  }
  const Place source = find(from);
  const Place target = find(to);
  if (source.node == nullptr || target.parent == nullptr) {
    return IOStatus::PathNotFound(from);
  }
  if (source.parent != target.parent) {
    return IOStatus::NotSupported("from one directory to another", from);
  }
  source.parent->change({{source.name, nullptr}, {target.name, source.node}});
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::LockFile(const std::string& path, const rocksdb::IOOptions&,
                                       rocksdb::FileLock** lock, rocksdb::IODebugContext*) {
  std::lock_guard guard(mutex_);
  NodePointer node = find(path).node;
  if (node == nullptr) {
    if (IOStatus status = create(FileOperation::create, path, false, &node); !status.ok()) {
      return status;
    }
  }
  if (!locked_.insert(path).second) {
    return IOStatus::IOError("is locked", path);
  }
  *lock = new Lock(path, run_);  // UnlockFile takes it over.
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::UnlockFile(rocksdb::FileLock* lock, const rocksdb::IOOptions&,
                                         rocksdb::IODebugContext*) {
  std::lock_guard guard(mutex_);
  const std::unique_ptr<Lock> owned(static_cast<Lock*>(lock));
  if (owned->run == run_) {
    locked_.erase(owned->path);
  }
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::GetTestDirectory(const rocksdb::IOOptions&, std::string* path,
                                               rocksdb::IODebugContext*) {
  *path = "/test";
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::GetAbsolutePath(const std::string& path, const rocksdb::IOOptions&,
                                              std::string* absolute, rocksdb::IODebugContext*) {
  *absolute = path;
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::IsDirectory(const std::string& path, const rocksdb::IOOptions&,
                                          bool* is_directory, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  const NodePointer node = find(path).node;
  if (node == nullptr) {
    return IOStatus::PathNotFound(path);
  }
  *is_directory = node->is_directory;
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::GetFreeSpace(const std::string&, const rocksdb::IOOptions&,
                                           std::uint64_t* free_bytes, rocksdb::IODebugContext*) {
  *free_bytes = std::uint64_t{1} << 40;
  return IOStatus::OK();
}

}  // namespace lepus::storage
