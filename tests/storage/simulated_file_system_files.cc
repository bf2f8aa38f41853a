#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "tests/storage/simulated_file_system_node.h"

// Files and directories that are open: what RocksDB holds of them, and what it does with them.

namespace lepus::storage {

using rocksdb::IOStatus;

class SimulatedFileSystem::SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(Handle handle) : handle_(std::move(handle)) {}

  IOStatus Read(std::size_t bytes, const rocksdb::IOOptions&, rocksdb::Slice* result, char* scratch,
                rocksdb::IODebugContext*) override {
    IOStatus status = handle_.file_system->read(handle_, offset_, bytes, result, scratch);
    offset_ += status.ok() ? result->size() : 0;
    return status;
  }

  IOStatus Skip(std::uint64_t bytes) override {
    offset_ += bytes;
    return IOStatus::OK();
  }

 private:
  const Handle handle_;
  std::uint64_t offset_ = 0;
};

class SimulatedFileSystem::RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(Handle handle) : handle_(std::move(handle)) {}

  IOStatus Read(std::uint64_t offset, std::size_t bytes, const rocksdb::IOOptions&,
                rocksdb::Slice* result, char* scratch, rocksdb::IODebugContext*) const override {
    return handle_.file_system->read(handle_, offset, bytes, result, scratch);
  }

 private:
  const Handle handle_;
};

class SimulatedFileSystem::WritableFile final : public rocksdb::FSWritableFile {
 public:
  explicit WritableFile(Handle handle) : handle_(std::move(handle)) {}

  using rocksdb::FSWritableFile::Append;

  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions&,
                  rocksdb::IODebugContext*) override {
    return handle_.file_system->append(handle_, data);
  }

  IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return IOStatus::OK();
  }

  IOStatus Flush(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return IOStatus::OK();
  }

  IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return handle_.file_system->sync(handle_);
  }

  [[nodiscard]] bool IsSyncThreadSafe() const override { return true; }

  std::uint64_t GetFileSize(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    std::lock_guard lock(handle_.file_system->mutex_);
    return handle_.node->bytes.size();
  }

 private:
  const Handle handle_;
};

class SimulatedFileSystem::Directory final : public rocksdb::FSDirectory {
 public:
  explicit Directory(Handle handle) : handle_(std::move(handle)) {}

  IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return handle_.file_system->sync_directory(handle_);
  }

  IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  const Handle handle_;
};

IOStatus SimulatedFileSystem::open(const std::string& path, Handle* handle) {
  if (IOStatus status = begin(FileOperation::open, path); !status.ok()) {
    return status;
  }
  const Place place = find(path);
  if (place.node == nullptr) {
    return IOStatus::PathNotFound(path);
  }
  *handle = {this, place.node, path, run_};
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::append(const Handle& handle, const rocksdb::Slice& data) {
  std::lock_guard lock(mutex_);
  const bool was_off = is_off_;
  IOStatus status = begin(FileOperation::append, handle);
  if (status.ok()) {
    handle.node->bytes.append(data.data(), data.size());
  } else if (!was_off && handle.run == run_) {
    // Broken off somewhere.
    handle.node->bytes.append(data.data(), random_below(data.size() + 1));
  }
  return status;
}

IOStatus SimulatedFileSystem::sync(const Handle& handle) {
  std::lock_guard lock(mutex_);
  Node& file = *handle.node;
  IOStatus status = begin(FileOperation::sync, handle);
  if (status.ok() || (!is_off_ && handle.run == run_)) {
    if (!status.ok() && file.synced_bytes < file.bytes.size()) {
      file.doubtful.push_back({file.synced_bytes, file.bytes.size()});
    }
    file.synced_bytes = file.bytes.size();
  }
  return status;
}

IOStatus SimulatedFileSystem::sync_directory(const Handle& handle) {
  std::lock_guard lock(mutex_);
  IOStatus status = begin(FileOperation::sync_directory, handle);
  if (status.ok()) {
    handle.node->synced_entries = handle.node->entries;
    handle.node->unsynced_changes.clear();
  }
  return status;
}

IOStatus SimulatedFileSystem::read(const Handle& handle, std::uint64_t offset, std::size_t bytes,
                                   rocksdb::Slice* result, char* scratch) {
  std::lock_guard lock(mutex_);
  IOStatus status = begin(FileOperation::read, handle);
  if (status.ok()) {
    const std::string& content = handle.node->bytes;
    const std::size_t begin = std::min<std::size_t>(offset, content.size());
    const std::size_t count = std::min(bytes, content.size() - begin);
    std::copy_n(content.data() + begin, count, scratch);
    *result = rocksdb::Slice(scratch, count);
  }
  return status;
}

/// @tparam File  what the class is for which RocksDB knows only `Opened`
template <typename File, typename Opened>
IOStatus SimulatedFileSystem::open_as(const std::string& path, std::unique_ptr<Opened>* result) {
  Handle handle;
  IOStatus status = open(path, &handle);
  if (status.ok()) {
    *result = std::make_unique<File>(std::move(handle));
  }
  return status;
}

IOStatus SimulatedFileSystem::NewSequentialFile(const std::string& path,
                                                const rocksdb::FileOptions&,
                                                std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                                rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  return open_as<SequentialFile>(path, result);
}

IOStatus SimulatedFileSystem::NewRandomAccessFile(
    const std::string& path, const rocksdb::FileOptions&,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* result, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  return open_as<RandomAccessFile>(path, result);
}

IOStatus SimulatedFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                                              rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  NodePointer node;
  IOStatus status = create(FileOperation::create, path, false, &node);
  if (status.ok()) {
    *result = std::make_unique<WritableFile>(Handle{this, std::move(node), path, run_});
  }
  return status;
}

IOStatus SimulatedFileSystem::ReopenWritableFile(const std::string& path,
                                                 const rocksdb::FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                 rocksdb::IODebugContext* debug) {
  std::unique_lock lock(mutex_);
  if (find(path).node == nullptr) {
    lock.unlock();
    return NewWritableFile(path, options, result, debug);
  }
  return open_as<WritableFile>(path, result);
}

IOStatus SimulatedFileSystem::NewDirectory(const std::string& path, const rocksdb::IOOptions&,
                                           std::unique_ptr<rocksdb::FSDirectory>* result,
                                           rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  return open_as<Directory>(path, result);
}

}  // namespace lepus::storage
