#pragma once

#include <filesystem>

#include "broker/base/result.h"

namespace lepus::storage {

/// A data directory that this process owns: created if need be, marked as Lepus's, locked until
/// destroyed, with an empty place for transient rows. Errors are one line each that says what to
/// do.
class DataDirectory {
 public:
  /// Fails on a directory that another process (or another store of this one) uses, that holds
  /// something else, that a newer Lepus wrote, or that may not be written to.
  [[nodiscard]] static Result<DataDirectory> open(const std::filesystem::path& path);

  /// A directory on a disk of a test's own, which needs no lock and no owner marker: nothing is
  /// done, and sync() must not be called.
  [[nodiscard]] static DataDirectory on_another_disk(const std::filesystem::path& path) {
    return {path, -1};
  }

  /// For tools: the directory must be there and be Lepus's already, and nothing in it is changed
  /// but the lock file. A directory on a read-only file system is not locked.
  [[nodiscard]] static Result<DataDirectory> open_stopped(const std::filesystem::path& path);

  /// Writes the owner marker into a directory that has none yet: from then on a broker starts on
  /// it.
  [[nodiscard]] static Result<void> mark(const std::filesystem::path& path);

  ~DataDirectory();
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;

  /// Makes sure that the names in it, and its own, survive a power cut. False if the disk refuses.
  [[nodiscard]] bool sync() const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] std::filesystem::path durable_path() const { return path_ / "store"; }

  [[nodiscard]] std::filesystem::path transient_path() const { return path_ / "transient"; }

 private:
  DataDirectory(std::filesystem::path path, int lock_file)
      : path_(std::move(path)), lock_file_(lock_file) {}

  std::filesystem::path path_;
  int lock_file_ = -1;
};

}  // namespace lepus::storage
