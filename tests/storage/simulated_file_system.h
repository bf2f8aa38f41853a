#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <rocksdb/file_system.h>

namespace lepus::storage {

/// What a file system is asked to do. `create` is the opening of a file that is written or the
/// making of a directory, `open` that of a file or directory that is there.
enum class FileOperation { create, append, sync, sync_directory, rename, remove, open, read };
inline constexpr std::size_t file_operation_count = 8;

/// A disk in memory that keeps what was synced apart from what was not, so that a power cut can
/// take the latter: the bytes of files that were not fsynced, and the names in directories that
/// were not. It also fails on demand, and counts.
///
/// A file that was written and synced, but whose name was not, is lost by a power cut. Files only
/// grow (nothing of RocksDB's overwrites one).
///
/// Concurrency: all calls from any thread; one mutex. Everything else is decided by the seed and by
/// the order of the calls.
class SimulatedFileSystem final : public rocksdb::FileSystem {
 public:
  explicit SimulatedFileSystem(std::uint64_t seed);
  ~SimulatedFileSystem() override;

  // ---- power

  /// What a power cut may do to a file's bytes that were not synced: it always keeps a random
  /// prefix of them, ...
  enum class Loss {
    none,            ///< nothing at all: only the process died
    tail,            ///< ... whole
    tail_and_holes,  ///< ... in which pages of 4 KiB may be zeros instead
  };

  /// From now on everything fails and nothing changes: what uses the files can be taken down.
  void power_off();
  /// The n-th changing operation from now on (1: the next) is broken off and the power with it.
  void power_off_at(std::uint64_t nth_change);

  [[nodiscard]] bool is_off() const;

  /// Takes away what may get lost and lets the next run begin. Files that the run before has open
  /// fail for ever; its locks are gone.
  void power_on(Loss loss);

  /// Both.
  void power_cut(Loss loss) {
    power_off();
    power_on(loss);
  }

  // ---- faults

  struct Fault {
    FileOperation operation = FileOperation::append;
    std::uint64_t nth = 1;       ///< from now on; 1: the next
    bool lasting = false;        ///< and all that follow
    bool no_space = false;       ///< "no space left" instead of an I/O error
    std::string path_part = {};  ///< only where this occurs in the path
  };

  /// Replaces the fault before. A failed append may leave a part of the bytes. What a failed sync
  /// was to write never becomes safe: a later one reports success without it, as Linux does.
  void fail(Fault fault);
  void end_fault();

  /// How often the fault has struck since fail().
  [[nodiscard]] std::uint64_t failed_operations() const;

  /// Called when the power goes and when a fault strikes; must not call back.
  void set_trouble_listener(std::function<void()> listener);

  // ---- what was done

  [[nodiscard]] std::uint64_t count(FileOperation operation) const;

  /// Operations that change something, those that failed not among them.
  [[nodiscard]] std::uint64_t change_count() const;

  /// Bytes that a power cut could take from files whose path ends so: not synced, or synced under a
  /// name that was not.
  [[nodiscard]] std::uint64_t unsafe_bytes(const std::string& path_end) const;

  // ---- rocksdb::FileSystem

  [[nodiscard]] const char* Name() const override { return "SimulatedFileSystem"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus FileExists(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetChildren(const std::string& path, const rocksdb::IOOptions& options,
                                std::vector<std::string>* result,
                                rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(const std::string& path, std::size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options,
                                std::uint64_t* size, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFileModificationTime(const std::string& path,
                                            const rocksdb::IOOptions& options, std::uint64_t* time,
                                            rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LockFile(const std::string& path, const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus UnlockFile(rocksdb::FileLock* lock, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetTestDirectory(const rocksdb::IOOptions& options, std::string* path,
                                     rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetAbsolutePath(const std::string& path, const rocksdb::IOOptions& options,
                                    std::string* absolute, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus IsDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                bool* is_directory, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 std::uint64_t* free_bytes,
                                 rocksdb::IODebugContext* debug) override;

 private:
  struct Node;
  using NodePointer = std::shared_ptr<Node>;
  class SequentialFile;
  class RandomAccessFile;
  class WritableFile;
  class Directory;
  class Lock;

  /// An open file, of one run.
  struct Handle {
    SimulatedFileSystem* file_system = nullptr;
    NodePointer node;
    std::string path;
    std::uint64_t run = 0;
  };

  /// Where a path leads; the parent is null where it does not exist.
  struct Place {
    Node* parent = nullptr;
    std::string name;
    NodePointer node;
  };

  // All with mutex_ held:
  [[nodiscard]] rocksdb::IOStatus begin(FileOperation operation, const std::string& path);
  [[nodiscard]] rocksdb::IOStatus begin(FileOperation operation, const Handle& handle);
  [[nodiscard]] bool fault_strikes(FileOperation operation, const std::string& path);
  [[nodiscard]] Place find(const std::string& path) const;
  [[nodiscard]] rocksdb::IOStatus create(FileOperation operation, const std::string& path,
                                         bool is_directory, NodePointer* node);
  [[nodiscard]] rocksdb::IOStatus remove(const std::string& path, bool is_directory);
  void lose_names(Node& directory, Loss loss);
  void lose_bytes(Node& file, Loss loss);
  [[nodiscard]] std::size_t random_below(std::size_t below);

  [[nodiscard]] rocksdb::IOStatus append(const Handle& handle, const rocksdb::Slice& data);
  [[nodiscard]] rocksdb::IOStatus sync(const Handle& handle);
  [[nodiscard]] rocksdb::IOStatus sync_directory(const Handle& handle);
  [[nodiscard]] rocksdb::IOStatus read(const Handle& handle, std::uint64_t offset,
                                       std::size_t bytes, rocksdb::Slice* result, char* scratch);
  [[nodiscard]] rocksdb::IOStatus open(const std::string& path, Handle* handle);
  template <typename File, typename Opened>
  [[nodiscard]] rocksdb::IOStatus open_as(const std::string& path, std::unique_ptr<Opened>* result);

  void report_trouble() const;

  mutable std::mutex mutex_;
  // Protected by mutex_:
  std::function<void()> trouble_listener_;
  std::mt19937_64 random_;
  NodePointer root_;
  std::uint64_t run_ = 1;
  bool is_off_ = false;
  std::optional<std::uint64_t> changes_until_off_;
  std::optional<Fault> fault_;
  std::uint64_t failed_operations_ = 0;
  std::array<std::uint64_t, file_operation_count> counts_{};
  std::uint64_t change_count_ = 0;
  std::set<std::string> locked_;
};

}  // namespace lepus::storage
