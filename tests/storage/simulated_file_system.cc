#include "tests/storage/simulated_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::storage {

namespace {

using rocksdb::IOStatus;

constexpr std::size_t page_bytes = 4096;

bool is_change(FileOperation operation) {
  switch (operation) {
    case FileOperation::create:
    case FileOperation::append:
    case FileOperation::sync:
    case FileOperation::sync_directory:
    case FileOperation::rename:
    case FileOperation::remove:
      return true;
    case FileOperation::open:
    case FileOperation::read:
      return false;
  }
  return false;
}

}  // namespace

/// A file or a directory.
struct SimulatedFileSystem::Node {
  /// Names that get a file, or none, in one step.
  using Change = std::vector<std::pair<std::string, NodePointer>>;

  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void change(Change change) {
    apply(change, entries);
    unsynced_changes.push_back(std::move(change));
  }

  static void apply(const Change& change, std::map<std::string, NodePointer>& names) {
    for (const auto& [name, node] : change) {
      if (node == nullptr) {
        names.erase(name);
      } else {
        names[name] = node;
      }
    }
  }

  bool is_directory = false;
  // Of a file:
  std::string bytes;
  std::size_t synced_bytes = 0;
  std::vector<Range> doubtful;  ///< a sync of them failed
  // Of a directory:
  std::map<std::string, NodePointer> entries;
  std::map<std::string, NodePointer> synced_entries;
  std::vector<Change> unsynced_changes;  ///< what leads from the synced ones to the others
};

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

class SimulatedFileSystem::Lock final : public rocksdb::FileLock {
 public:
  Lock(std::string path, std::uint64_t run) : path(std::move(path)), run(run) {}

  const std::string path;
  const std::uint64_t run;
};

SimulatedFileSystem::SimulatedFileSystem(std::uint64_t seed)
    : random_(seed), root_(std::make_shared<Node>(Node{.is_directory = true})) {}

SimulatedFileSystem::~SimulatedFileSystem() = default;

// ---- power

void SimulatedFileSystem::power_off() {
  std::lock_guard lock(mutex_);
  is_off_ = true;
  report_trouble();
}

void SimulatedFileSystem::power_off_at(std::uint64_t nth_change) {
  LEPUS_ASSERT(nth_change > 0, "the next change is the first");
  std::lock_guard lock(mutex_);
  changes_until_off_ = nth_change;
}

bool SimulatedFileSystem::is_off() const {
  std::lock_guard lock(mutex_);
  return is_off_;
}

void SimulatedFileSystem::power_on(Loss loss) {
  std::lock_guard lock(mutex_);
  LEPUS_ASSERT(is_off_, "a power cut has two ends");
  if (loss != Loss::none) {
    lose_names(*root_, loss);
  }
  is_off_ = false;
  changes_until_off_.reset();
  fault_.reset();
  locked_.clear();
  run_ += 1;
}

void SimulatedFileSystem::lose_names(Node& directory, Loss loss) {
  // A journal loses its end: of the changes of one directory the first ones are kept.
  const std::size_t kept = random_below(directory.unsynced_changes.size() + 1);
  for (std::size_t place = 0; place < kept; ++place) {
    Node::apply(directory.unsynced_changes[place], directory.synced_entries);
  }
  directory.unsynced_changes.clear();
  directory.entries = directory.synced_entries;
  for (const auto& [name, node] : directory.entries) {
    if (node->is_directory) {
      lose_names(*node, loss);
    } else {
      lose_bytes(*node, loss);
    }
  }
}

void SimulatedFileSystem::lose_bytes(Node& file, Loss loss) {
  std::vector<Node::Range> at_risk = std::exchange(file.doubtful, {});
  if (file.synced_bytes < file.bytes.size()) {
    file.bytes.resize(file.synced_bytes + random_below(file.bytes.size() - file.synced_bytes + 1));
    if (loss == Loss::tail_and_holes && random_below(2) == 0) {
      at_risk.push_back({file.synced_bytes, file.bytes.size()});
    }
  }
  for (const auto& [begin, end] : at_risk) {
    std::size_t page = begin;
    while (page < std::min(end, file.bytes.size())) {
      const std::size_t next = std::min((page / page_bytes + 1) * page_bytes, end);
      if (random_below(2) == 0) {
        std::fill(
            file.bytes.begin() + static_cast<std::ptrdiff_t>(page),
            file.bytes.begin() + static_cast<std::ptrdiff_t>(std::min(next, file.bytes.size())),
            '\0');
      }
      page = next;
    }
  }
  file.synced_bytes = file.bytes.size();
}

std::size_t SimulatedFileSystem::random_below(std::size_t below) {
  return random_() % below;
}

// ---- faults and counting

void SimulatedFileSystem::fail(Fault fault) {
  LEPUS_ASSERT(fault.nth > 0, "the next operation is the first");
  std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
  failed_operations_ = 0;
}

void SimulatedFileSystem::end_fault() {
  std::lock_guard lock(mutex_);
  fault_.reset();
}

void SimulatedFileSystem::set_trouble_listener(std::function<void()> listener) {
  std::lock_guard lock(mutex_);
  trouble_listener_ = std::move(listener);
}

void SimulatedFileSystem::report_trouble() const {
  if (trouble_listener_) {
    trouble_listener_();
  }
}

std::uint64_t SimulatedFileSystem::failed_operations() const {
  std::lock_guard lock(mutex_);
  return failed_operations_;
}

std::uint64_t SimulatedFileSystem::count(FileOperation operation) const {
  std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(operation)];
}

std::uint64_t SimulatedFileSystem::change_count() const {
  std::lock_guard lock(mutex_);
  return change_count_;
}

std::uint64_t SimulatedFileSystem::unsafe_bytes(const std::string& path_end) const {
  std::lock_guard lock(mutex_);
  const auto bytes_in = [&](const auto& self, const Node& directory, const std::string& path,
                            bool is_safe) -> std::uint64_t {
    std::uint64_t bytes = 0;
    for (const auto& [name, node] : directory.entries) {
      const auto synced = directory.synced_entries.find(name);
      const bool name_is_safe =
          is_safe && synced != directory.synced_entries.end() && synced->second == node;
      if (node->is_directory) {
        bytes += self(self, *node, path + name + "/", name_is_safe);
      } else if ((path + name).ends_with(path_end)) {
        bytes += node->bytes.size() - (name_is_safe ? node->synced_bytes : 0);
        for (const auto& [begin, end] : node->doubtful) {
          bytes += name_is_safe ? end - begin : 0;
        }
      }
    }
    return bytes;
  };
  return bytes_in(bytes_in, *root_, "/", true);
}

bool SimulatedFileSystem::fault_strikes(FileOperation operation, const std::string& path) {
  if (!fault_ || fault_->operation != operation ||
      path.find(fault_->path_part) == std::string::npos) {
    return false;
  }
  if (fault_->nth > 1) {
    fault_->nth -= 1;
    return false;
  }
  failed_operations_ += 1;
  report_trouble();
  return true;
}

IOStatus SimulatedFileSystem::begin(FileOperation operation, const std::string& path) {
  if (is_off_) {
    return IOStatus::IOError("the power is off", path);
  }
  if (is_change(operation) && changes_until_off_ && --*changes_until_off_ == 0) {
    is_off_ = true;
    report_trouble();
    return IOStatus::IOError("the power goes", path);
  }
  if (fault_strikes(operation, path)) {
    const bool no_space = fault_->no_space;
    if (!fault_->lasting) {
      fault_.reset();
    }
    return no_space ? IOStatus::NoSpace("a simulated fault", path)
                    : IOStatus::IOError("a simulated fault", path);
  }
  counts_[static_cast<std::size_t>(operation)] += 1;
  change_count_ += is_change(operation) ? 1 : 0;
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::begin(FileOperation operation, const Handle& handle) {
  return handle.run == run_ ? begin(operation, handle.path)
                            : IOStatus::IOError("was opened before the power was cut", handle.path);
}

// ---- files that are open

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
    std::memcpy(scratch, content.data() + begin, count);
    *result = rocksdb::Slice(scratch, count);
  }
  return status;
}

// ---- names

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

IOStatus SimulatedFileSystem::NewSequentialFile(const std::string& path,
                                                const rocksdb::FileOptions&,
                                                std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                                rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  Handle handle;
  IOStatus status = open(path, &handle);
  if (status.ok()) {
    *result = std::make_unique<SequentialFile>(std::move(handle));
  }
  return status;
}

IOStatus SimulatedFileSystem::NewRandomAccessFile(
    const std::string& path, const rocksdb::FileOptions&,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* result, rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  Handle handle;
  IOStatus status = open(path, &handle);
  if (status.ok()) {
    *result = std::make_unique<RandomAccessFile>(std::move(handle));
  }
  return status;
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
  Handle handle;
  IOStatus status = open(path, &handle);
  if (status.ok()) {
    *result = std::make_unique<WritableFile>(std::move(handle));
  }
  return status;
}

IOStatus SimulatedFileSystem::NewDirectory(const std::string& path, const rocksdb::IOOptions&,
                                           std::unique_ptr<rocksdb::FSDirectory>* result,
                                           rocksdb::IODebugContext*) {
  std::lock_guard lock(mutex_);
  Handle handle;
  IOStatus status = open(path, &handle);
  if (status.ok()) {
    *result = std::make_unique<Directory>(std::move(handle));
  }
  return status;
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
