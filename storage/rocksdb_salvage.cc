#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include <rocksdb/db.h>

#include "storage/record_format.h"
#include "storage/rocksdb_open_store.h"
#include "storage/rocksdb_table_check.h"
#include "storage/rocksdb_table_salvage.h"
#include "storage/rocksdb_tool_options.h"
#include "storage/store_files.h"
#include "storage/store_salvage.h"

namespace lepus::storage {

namespace {

namespace fs = std::filesystem;
using Table = rocksdb::LiveFileMetaData;

constexpr std::size_t write_bytes = std::size_t{4} << 20;

/// Without a log: a salvaged store that is not finished is thrown away.
rocksdb::WriteOptions write_options() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

Error write_failure(const rocksdb::Status& status) {
  return fail("the new store can't be written: " + one_line(status.ToString()));
}

Result<std::unique_ptr<RocksdbOpenStore>> open_for_writing(const fs::path& store,
                                                           std::shared_ptr<rocksdb::Logger> log,
                                                           bool create) {
  rocksdb::DBOptions options =
      tool_database_options(Strictness::whatever_can_be_read, std::move(log));
  options.track_and_verify_wals_in_manifest = false;
  options.create_if_missing = create;
  options.create_missing_column_families = !create;
  std::vector<std::string> names{rocksdb::kDefaultColumnFamilyName};
  if (!create) {
    const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(options, store.string(), &names);
    if (!listed.ok()) {
      return fail(one_line(listed.ToString()));
    }
  }
  const auto descriptors =
      create
          ? std::vector<rocksdb::ColumnFamilyDescriptor>{{names[0], tool_family_options(names[0])}}
          : tool_family_descriptors(names);
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status =
      rocksdb::DB::Open(options, store.string(), descriptors, &handles, &db);
  if (!status.ok()) {
    return fail(one_line(status.ToString()));
  }
  return std::make_unique<RocksdbOpenStore>(store, db, std::move(handles));
}

/// Puts records into one family, some megabytes at a time.
class FamilyWriter {
 public:
  FamilyWriter(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family) : db_(db), family_(family) {}

  void put(std::string_view key, std::string_view value) {
    if (status_.ok()) {
      status_ = batch_.Put(family_, key, value);
    }
    if (batch_.GetDataSize() >= write_bytes) {
      write();
    }
  }

  [[nodiscard]] Result<void> finish() {
    write();
    return status_.ok() ? Result<void>() : write_failure(status_);
  }

 private:
  void write() {
    if (status_.ok() && batch_.Count() != 0) {
      status_ = db_.Write(write_options(), &batch_);
      batch_.Clear();
    }
  }

  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* const family_;
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

/// Newer tables come later, so that what they say replaces what older ones say.
void sort_by_age(std::vector<Table>& tables) {
  std::ranges::sort(tables, [](const Table& one, const Table& other) {
    return one.level != other.level ? one.level > other.level
                                    : one.largest_seqno < other.largest_seqno;
  });
}

/// Makes the new store: first a copy that RocksDB opens and replays what it can of the logs; then,
/// if tables are damaged, one more store of the whole tables and of what can be read of the others.
class Salvager {
 public:
  Salvager(fs::path original, const fs::path& directory)
      : original_(std::move(original)), copy_(directory / "copy"), result_(directory / "store") {}

  Result<std::unique_ptr<StoreSalvage>> run();

 private:
  void open_copy();
  void take_loose_tables();
  void add_loose_table(const fs::path& path);
  void find_damaged_tables();
  Result<std::unique_ptr<RocksdbOpenStore>> rebuild();
  Result<void> rebuild_family(RocksdbOpenStore& store, const std::string& family);
  Result<void> import_whole_tables(RocksdbOpenStore& store, const std::string& family);
  Result<void> add_damaged_tables(RocksdbOpenStore& store, const std::string& family);
  Result<void> merge_tables(RocksdbOpenStore& store, const std::string& family);
  void salvage(const Table& table, const StoreInspection::RecordVisitor& visitor);
  [[nodiscard]] fs::path path_of(const Table& table) const;

  const fs::path original_;
  const fs::path copy_;
  const fs::path result_;
  std::shared_ptr<RocksdbDamageLog> log_ = std::make_shared<RocksdbDamageLog>();
  std::unique_ptr<RocksdbOpenStore> opened_;           ///< null where the list of files is lost
  std::map<std::string, std::vector<Table>> tables_;   ///< by family
  std::map<std::string, std::vector<Table>> damaged_;  ///< those of them that are not whole
  std::vector<std::string> losses_;
  bool logs_damaged_ = false;
  std::set<std::string> damaged_families_;
};

class RocksdbSalvage final : public StoreSalvage {
 public:
  RocksdbSalvage(std::unique_ptr<RocksdbOpenStore> store, std::vector<std::string> losses,
                 bool logs_damaged, std::set<std::string> damaged_families)
      : store_(std::move(store)),
        losses_(std::move(losses)),
        logs_damaged_(logs_damaged),
        damaged_families_(std::move(damaged_families)) {}

  [[nodiscard]] const std::vector<std::string>& losses() const override { return losses_; }

  [[nodiscard]] bool may_have_lost(RecordFamily family) const override {
    return logs_damaged_ || damaged_families_.contains(std::string(name_of(family)));
  }

  [[nodiscard]] Result<void> put(RecordFamily family, std::string_view key,
                                 std::string_view value) override {
    const rocksdb::Status status =
        store_->db().Put(write_options(), store_->family(name_of(family)), key, value);
    return status.ok() ? Result<void>() : write_failure(status);
  }

  [[nodiscard]] Result<void> erase(RecordFamily family, std::string_view key) override {
    const rocksdb::Status status =
        store_->db().Delete(write_options(), store_->family(name_of(family)), key);
    return status.ok() ? Result<void>() : write_failure(status);
  }

  [[nodiscard]] Result<void> finish() override {
    for (rocksdb::ColumnFamilyHandle* family : store_->families()) {
      if (const rocksdb::Status status = store_->db().Flush({}, family); !status.ok()) {
        return write_failure(status);
      }
    }
    return sync_directory_names(store_->directory());
  }

  [[nodiscard]] const fs::path& directory() const override { return store_->directory(); }

  [[nodiscard]] std::vector<std::string> damaged_tables() const override {
    std::vector<std::string> damaged;
    for (const Table& table : store_->tables()) {
      if (auto fault = table_fault(store_->directory(), table)) {
        damaged.push_back(*std::move(fault));
      }
    }
    return damaged;
  }

  [[nodiscard]] const std::vector<std::string>& damaged_logs() const override { return no_lines_; }

  using StoreInspection::visit;

  [[nodiscard]] Result<void> visit(RecordFamily family, std::string_view prefix,
                                   const RecordVisitor& visitor) const override {
    return store_->visit(name_of(family), prefix, visitor);
  }

  [[nodiscard]] std::optional<std::string> find(RecordFamily family,
                                                std::string_view key) const override {
    return store_->find(name_of(family), key);
  }

  [[nodiscard]] std::uint64_t table_count() const override { return store_->tables().size(); }

  [[nodiscard]] std::uint64_t table_bytes() const override {
    std::uint64_t bytes = 0;
    for (const Table& table : store_->tables()) {
      bytes += table.size;
    }
    return bytes;
  }

 private:
  const std::unique_ptr<RocksdbOpenStore> store_;
  const std::vector<std::string> losses_;
  const bool logs_damaged_;
  const std::set<std::string> damaged_families_;
  const std::vector<std::string> no_lines_;
};

Result<std::unique_ptr<StoreSalvage>> Salvager::run() {
  bool has_torn_end = false;  // which a start sees to, and where nothing confirmed is lost
  if (const auto faults = log_faults(original_)) {
    for (const LogFault& fault : *faults) {
      has_torn_end = has_torn_end || fault.is_torn_end;
      if (!fault.is_torn_end) {
        logs_damaged_ = true;
        losses_.push_back(fault.text);
      }
    }
  }
  // Looks for what else keeps a broker from opening it: missing logs above all.
  if (const auto strict = inspect_store(original_, Strictness::as_the_broker);
      !strict && !has_torn_end && !logs_damaged_) {
    logs_damaged_ = strict.error().text.find("WAL") != std::string::npos ||
                    strict.error().text.find(".log") != std::string::npos;
    losses_.push_back("the store could not be opened: " + strict.error().text);
  }
  if (auto copied = copy_store(original_, copy_); !copied) {
    return copied.error();
  }
  open_copy();
  if (logs_damaged_) {
    losses_.insert(losses_.end(), log_->lines().begin(), log_->lines().end());
  }
  std::unique_ptr<RocksdbOpenStore> store;
  if (opened_ != nullptr && damaged_.empty()) {
    store = std::move(opened_);
  } else {
    auto rebuilt = rebuild();
    if (!rebuilt) {
      return rebuilt.error();
    }
    store = std::move(*rebuilt);
    opened_.reset();
    std::error_code error;
    fs::remove_all(copy_, error);
  }
  return std::unique_ptr<StoreSalvage>(std::make_unique<RocksdbSalvage>(
      std::move(store), std::move(losses_), logs_damaged_, std::move(damaged_families_)));
}

void Salvager::open_copy() {
  auto opened = open_for_writing(copy_, log_, false);
  if (opened) {
    opened_ = std::move(*opened);
    find_damaged_tables();
    return;
  }
  losses_.push_back("the list of the files can't be used, and all tables are taken: " +
                    opened.error().text);
  logs_damaged_ = true;
  take_loose_tables();
}

/// Without a list of files nobody knows which table is newer. Numbers rise, which is nearly the
/// same, and what the logs hold is newer than all tables.
void Salvager::take_loose_tables() {
  // RepairDB makes tables of the logs. The list of files that it makes is of no use: it takes all
  // tables for ones of level 0, where RocksDB refuses those that a compaction had made.
  rocksdb::DBOptions options = tool_database_options(Strictness::whatever_can_be_read, log_);
  options.create_if_missing = true;
  static_cast<void>(rocksdb::RepairDB(copy_.string(), options, tool_family_descriptors({})));
  std::error_code error;
  for (const fs::path& place : {copy_, copy_ / "lost"}) {
    for (const auto& entry : fs::directory_iterator(place, error)) {
      if (entry.path().extension() == ".sst") {
        add_loose_table(entry.path());
      }
    }
  }
  for (auto& [family, tables] : tables_) {
    sort_by_age(tables);
  }
}

void Salvager::add_loose_table(const fs::path& path) {
  Table table;
  table.relative_filename = path.filename().string();
  table.size = fs::file_size(path);
  table.column_family_name = family_of_table(path);
  table.largest_seqno = std::stoull("0" + path.stem().string());
  if (auto fault = table_fault(path.parent_path(), table)) {
    losses_.push_back(*std::move(fault));
    damaged_[table.column_family_name].push_back(table);
  }
  damaged_families_.insert(table.column_family_name);
  tables_[table.column_family_name].push_back(std::move(table));
}

void Salvager::find_damaged_tables() {
  for (Table& table : opened_->tables()) {
    if (auto fault = table_fault(copy_, table)) {
      losses_.push_back(*std::move(fault));
      damaged_[table.column_family_name].push_back(table);
      damaged_families_.insert(table.column_family_name);
    }
    tables_[table.column_family_name].push_back(std::move(table));
  }
  for (auto& [family, tables] : tables_) {
    sort_by_age(tables);
  }
}

fs::path Salvager::path_of(const Table& table) const {
  for (const fs::path& place : {copy_, copy_ / "lost", original_}) {
    std::error_code error;
    if (fs::exists(place / table.relative_filename, error)) {
      return place / table.relative_filename;
    }
  }
  return original_ / table.relative_filename;
}

Result<std::unique_ptr<RocksdbOpenStore>> Salvager::rebuild() {
  auto store = open_for_writing(result_, std::make_shared<RocksdbDamageLog>(), true);
  if (!store) {
    return store;
  }
  std::vector<std::string> families;
  for (const auto& descriptor : tool_family_descriptors({})) {
    families.push_back(descriptor.name);
  }
  for (const std::string& family : families) {
    const auto rebuilt =
        opened_ != nullptr ? rebuild_family(**store, family) : merge_tables(**store, family);
    if (!rebuilt) {
      return rebuilt.error();
    }
  }
  return store;
}

Result<void> Salvager::rebuild_family(RocksdbOpenStore& store, const std::string& family) {
  const bool whole = !damaged_.contains(family);
  if (family == rocksdb::kDefaultColumnFamilyName && whole) {
    // It can't be imported, being there already; it is small.
    FamilyWriter writer(store.db(), store.family(family));
    const auto visited = opened_->visit(
        family, {}, [&](std::string_view key, std::string_view value) { writer.put(key, value); });
    const auto written = writer.finish();
    return visited ? written : visited;
  }
  // Keys of messages and bodies are written once and never again, so that the order of their tables
  // does not matter, and no row need be copied but those of damaged tables.
  if (whole || family == messages_family_name || family == bodies_family_name) {
    if (auto imported = import_whole_tables(store, family); !imported) {
      return imported;
    }
    return add_damaged_tables(store, family);
  }
  return merge_tables(store, family);
}

Result<void> Salvager::import_whole_tables(RocksdbOpenStore& store, const std::string& family) {
  rocksdb::ExportImportFilesMetaData files;
  files.db_comparator_name = rocksdb::BytewiseComparator()->Name();
  const auto damaged = damaged_.find(family);
  for (const Table& table : tables_[family]) {
    if (damaged == damaged_.end() ||
        std::ranges::find(damaged->second, table.relative_filename, &Table::relative_filename) ==
            damaged->second.end()) {
      files.files.push_back(table);
      files.files.back().db_path = copy_.string();
    }
  }
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  rocksdb::Status status;
  if (files.files.empty()) {
    status = store.db().CreateColumnFamily(tool_family_options(family), family, &handle);
  } else {
    rocksdb::ImportColumnFamilyOptions options;
    options.move_files = true;  // They are links, and of use to nobody afterwards.
    status = store.db().CreateColumnFamilyWithImport(tool_family_options(family), family, options,
                                                     files, &handle);
  }
  if (!status.ok()) {
    return write_failure(status);
  }
  store.add_family(handle);
  return {};
}

Result<void> Salvager::add_damaged_tables(RocksdbOpenStore& store, const std::string& family) {
  FamilyWriter writer(store.db(), store.family(family));
  for (const Table& table : damaged_[family]) {
    salvage(table, [&](std::string_view key, std::string_view value) { writer.put(key, value); });
  }
  return writer.finish();
}

Result<void> Salvager::merge_tables(RocksdbOpenStore& store, const std::string& family) {
  if (family != rocksdb::kDefaultColumnFamilyName) {
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    const rocksdb::Status status =
        store.db().CreateColumnFamily(tool_family_options(family), family, &handle);
    if (!status.ok()) {
      return write_failure(status);
    }
    store.add_family(handle);
  }
  FamilyWriter writer(store.db(), store.family(family));
  for (const Table& table : tables_[family]) {
    salvage(table, [&](std::string_view key, std::string_view value) { writer.put(key, value); });
  }
  return writer.finish();
}

void Salvager::salvage(const Table& table, const StoreInspection::RecordVisitor& visitor) {
  const TableSalvage salvaged = salvage_table(path_of(table), visitor);
  const auto& damaged = damaged_[table.column_family_name];
  if (std::ranges::find(damaged, table.relative_filename, &Table::relative_filename) !=
      damaged.end()) {
    const std::uint64_t rows_before = salvaged.rows_before.value_or(table.num_entries);
    losses_.push_back("table " + table.relative_filename + " (" + table.column_family_name +
                      "): " + std::to_string(salvaged.rows) + " of " + std::to_string(rows_before) +
                      " records could be read");
  }
}

}  // namespace

Result<std::unique_ptr<StoreSalvage>> salvage_store(const fs::path& store,
                                                    const fs::path& empty_directory) {
  return Salvager(store, empty_directory).run();
}

}  // namespace lepus::storage
