#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include "broker/base/result.h"
#include "storage/store_inspection.h"

namespace lepus::storage {

/// A RocksDB instance with all its families, as the tools have it open. Closed when destroyed.
class RocksdbOpenStore {
 public:
  RocksdbOpenStore(std::filesystem::path directory, rocksdb::DB* db,
                   std::vector<rocksdb::ColumnFamilyHandle*> handles)
      : directory_(std::move(directory)), db_(db), handles_(std::move(handles)) {}

  ~RocksdbOpenStore();
  RocksdbOpenStore(const RocksdbOpenStore&) = delete;
  RocksdbOpenStore& operator=(const RocksdbOpenStore&) = delete;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  [[nodiscard]] rocksdb::DB& db() const { return *db_; }

  [[nodiscard]] const std::vector<rocksdb::ColumnFamilyHandle*>& families() const {
    return handles_;
  }

  /// It is closed with the others.
  void add_family(rocksdb::ColumnFamilyHandle* handle) { handles_.push_back(handle); }

  /// Null if there is none of this name.
  [[nodiscard]] rocksdb::ColumnFamilyHandle* family(std::string_view name) const;

  [[nodiscard]] std::vector<rocksdb::LiveFileMetaData> tables() const;

  /// See StoreInspection::find.
  [[nodiscard]] std::optional<std::string> find(std::string_view family,
                                                std::string_view key) const;

  /// See StoreInspection::visit. Nothing in a family that is not there.
  [[nodiscard]] Result<void> visit(std::string_view family, std::string_view prefix,
                                   const StoreInspection::RecordVisitor& visitor) const;

 private:
  const std::filesystem::path directory_;
  const std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace lepus::storage
