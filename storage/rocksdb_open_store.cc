#include "storage/rocksdb_open_store.h"

#include "storage/rocksdb_iteration.h"
#include "storage/rocksdb_tool_options.h"

namespace lepus::storage {

RocksdbOpenStore::~RocksdbOpenStore() {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle);
  }
  db_->Close();
}

rocksdb::ColumnFamilyHandle* RocksdbOpenStore::family(std::string_view name) const {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    if (handle->GetName() == name) {
      return handle;
    }
  }
  return nullptr;
}

std::vector<rocksdb::LiveFileMetaData> RocksdbOpenStore::tables() const {
  std::vector<rocksdb::LiveFileMetaData> tables;
  db_->GetLiveFilesMetaData(&tables);
  return tables;
}

std::optional<std::string> RocksdbOpenStore::find(std::string_view family_name,
                                                  std::string_view key) const {
  rocksdb::ColumnFamilyHandle* const handle = family(family_name);
  std::string value;
  if (handle == nullptr || !db_->Get({}, handle, key, &value).ok()) {
    return std::nullopt;
  }
  return value;
}

Result<void> RocksdbOpenStore::visit(std::string_view family_name, std::string_view prefix,
                                     const StoreInspection::RecordVisitor& visitor) const {
  rocksdb::ColumnFamilyHandle* const handle = family(family_name);
  if (handle == nullptr) {
    return {};
  }
  rocksdb::ReadOptions options = iteration_options();
  options.fill_cache = false;
  options.readahead_size = std::size_t{1} << 20;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options, handle));
  for (iterator->Seek(prefix);
       iterator->Valid() && iterator->key().ToStringView().starts_with(prefix); iterator->Next()) {
    visitor(iterator->key().ToStringView(), iterator->value().ToStringView());
  }
  if (!iterator->status().ok()) {
    return fail(handle->GetName() + ": " + one_line(iterator->status().ToString()));
  }
  return {};
}

}  // namespace lepus::storage
