#pragma once

#include <cstdint>
#include <string>

#include <rocksdb/comparator.h>
#include <rocksdb/db.h>

namespace lepus::storage {

/// The column families of a store. The transient instance has `messages` alone.
struct RocksdbFamilies {
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* topology = nullptr;
  rocksdb::ColumnFamilyHandle* messages = nullptr;
  rocksdb::ColumnFamilyHandle* bodies = nullptr;
  rocksdb::ColumnFamilyHandle* progress = nullptr;
  rocksdb::ColumnFamilyHandle* deleted_queues = nullptr;
};

/// A family by its id alone, for write batches: they are filled by any thread while the database
/// may be closed and opened again, which ends the handles of its own but keeps the ids.
class RocksdbFamilyId final : public rocksdb::ColumnFamilyHandle {
 public:
  explicit RocksdbFamilyId(const rocksdb::ColumnFamilyHandle& family)
      : name_(family.GetName()), id_(family.GetID()) {}

  [[nodiscard]] const std::string& GetName() const override { return name_; }

  [[nodiscard]] std::uint32_t GetID() const override { return id_; }

  rocksdb::Status GetDescriptor(rocksdb::ColumnFamilyDescriptor* /*descriptor*/) override {
    return rocksdb::Status::NotSupported();
  }

  [[nodiscard]] const rocksdb::Comparator* GetComparator() const override {
    return rocksdb::BytewiseComparator();
  }

 private:
  const std::string name_;
  const std::uint32_t id_;
};

}  // namespace lepus::storage
