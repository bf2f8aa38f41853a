#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <rocksdb/db.h>

#include "storage/rocksdb_log_scan.h"
#include "storage/rocksdb_open_store.h"
#include "storage/rocksdb_table_check.h"
#include "storage/rocksdb_tool_options.h"
#include "storage/store_inspection.h"

namespace lepus::storage {

namespace {

class RocksdbInspection final : public StoreInspection {
 public:
  static Result<std::unique_ptr<StoreInspection>> open(const std::filesystem::path& store,
                                                       Strictness strictness) {
    auto log = std::make_shared<RocksdbDamageLog>();
    const rocksdb::DBOptions options = tool_database_options(strictness, log);
    std::vector<std::string> names;
    rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, store.string(), &names);
    if (!status.ok()) {
      return fail("the list of its files can't be read: " + one_line(status.ToString()));
    }
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    descriptors.reserve(names.size());
    for (const std::string& name : names) {
      descriptors.emplace_back(name, tool_family_options(name));
    }
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    status =
        rocksdb::DB::OpenForReadOnly(options, store.string(), descriptors, &handles, &db, false);
    if (!status.ok()) {
      return fail(one_line(status.ToString()));
    }
    return std::unique_ptr<StoreInspection>(
        new RocksdbInspection(store, db, std::move(handles), std::move(log)));
  }

  [[nodiscard]] std::vector<std::string> damaged_tables() const override {
    std::vector<std::string> damaged;
    for (const rocksdb::LiveFileMetaData& table : tables_) {
      if (auto fault = table_fault(store_.directory(), table)) {
        damaged.push_back(*std::move(fault));
      }
    }
    return damaged;
  }

  [[nodiscard]] const std::vector<std::string>& damaged_logs() const override {
    return log_->lines();
  }

  using StoreInspection::visit;

  [[nodiscard]] Result<void> visit(RecordFamily family, std::string_view prefix,
                                   const RecordVisitor& visitor) const override {
    return store_.visit(name_of(family), prefix, visitor);
  }

  [[nodiscard]] std::optional<std::string> find(RecordFamily family,
                                                std::string_view key) const override {
    return store_.find(name_of(family), key);
  }

  [[nodiscard]] std::uint64_t table_count() const override { return tables_.size(); }

  [[nodiscard]] std::uint64_t table_bytes() const override {
    std::uint64_t bytes = 0;
    for (const rocksdb::LiveFileMetaData& table : tables_) {
      bytes += table.size;
    }
    return bytes;
  }

 private:
  RocksdbInspection(const std::filesystem::path& store, rocksdb::DB* db,
                    std::vector<rocksdb::ColumnFamilyHandle*> handles,
                    std::shared_ptr<RocksdbDamageLog> log)
      : store_(store, db, std::move(handles)), tables_(store_.tables()), log_(std::move(log)) {}

  const RocksdbOpenStore store_;
  const std::vector<rocksdb::LiveFileMetaData> tables_;
  const std::shared_ptr<RocksdbDamageLog> log_;
};

}  // namespace

Result<std::vector<LogFault>> log_faults(const std::filesystem::path& store) {
  std::error_code error;
  std::vector<std::filesystem::path> logs;
  for (const auto& entry : std::filesystem::directory_iterator(store, error)) {
    if (entry.path().extension() == ".log") {
      logs.push_back(entry.path());
    }
  }
  if (error) {
    return fail("the store in " + store.string() + " can't be listed: " + error.message());
  }
  std::ranges::sort(logs, {},
                    [](const auto& log) { return std::stoull("0" + log.stem().string()); });
  std::vector<LogFault> faults;
  for (const std::filesystem::path& log : logs) {
    const auto scan = scan_rocksdb_log(*rocksdb::Env::Default(), log);
    if (!scan) {
      faults.push_back({scan.error().text});
    } else if (!scan->is_intact()) {
      const bool is_torn_end = log == logs.back() && scan->has_torn_end();
      faults.push_back({"log " + log.filename().string() +
                            (is_torn_end ? " has a torn end from byte " : " is damaged at byte ") +
                            std::to_string(scan->intact_bytes) + " of " +
                            std::to_string(scan->size_bytes),
                        is_torn_end});
    }
  }
  return faults;
}

Result<std::unique_ptr<StoreInspection>> inspect_store(const std::filesystem::path& store,
                                                       Strictness strictness) {
  return RocksdbInspection::open(store, strictness);
}

}  // namespace lepus::storage
