#include "storage/rocksdb_database.h"

#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "storage/record_format.h"
#include "storage/rocksdb_filter.h"
#include "storage/rocksdb_log_scan.h"
#include "storage/rocksdb_partitioner.h"
#include "storage/rocksdb_statistics.h"
#include "storage/rocksdb_table_rows.h"

namespace lepus::storage {

namespace {

/// Passes RocksDB's warnings and errors on as details: what matters of them reaches the backend as
/// a status. So no log file of its own grows in the data directory.
class RocksdbLogger final : public rocksdb::Logger {
 public:
  explicit RocksdbLogger(LogSink sink)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), sink_(std::move(sink)) {}

  using rocksdb::Logger::Logv;

  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }

  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel() || level > rocksdb::InfoLogLevel::FATAL_LEVEL || !sink_) {
      return;
    }
    char text[1024];
    std::vsnprintf(text, sizeof(text), format, arguments);
    std::string line = std::string("rocksdb: ") + text;
    line.erase(line.find_last_not_of('\n') + 1);
    sink_(LogLevel::debug, std::move(line));
  }

 private:
  LogSink sink_;
};

rocksdb::Env& environment_of(const RocksdbSetup& setup) {
  rocksdb::Env* const environment = setup.options.environment;
  return environment != nullptr ? *environment : *rocksdb::Env::Default();
}

/// After "no space" RocksDB would go on by itself, with the log that has failed and, after a failed
/// write to its manifest, into an assertion of its own.
class NoAutomaticRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::DBOptions database_options(const RocksdbSetup& setup) {
  rocksdb::DBOptions options;
  options.env = &environment_of(setup);
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<RocksdbLogger>(setup.options.log);
  if (setup.counters != nullptr) {
    options.listeners.push_back(std::make_shared<RocksdbWriteCounter>(setup.counters));
  }
  options.max_open_files = setup.options.open_files_max;
  if (setup.options.environment != nullptr) {
    options.max_file_opening_threads = 1;  // What a test's disk is asked for follows from its seed.
  }
  options.max_background_jobs = 2;
  options.max_total_wal_size = setup.options.log_bytes_max;
  options.bytes_per_sync = std::size_t{1} << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.avoid_unnecessary_blocking_io = true;
  // There is one writer: the committer.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  // A torn end of the last log has been cut off; anything else that is damaged or missing must be
  // seen. The default would cut the log at the first fault and say nothing.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  if (setup.listener != nullptr) {
    options.listeners.push_back(setup.listener);
  }
  // Nothing may write again after a failed write; the backend decides what follows.
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<NoAutomaticRecovery>());
  return options;
}

rocksdb::BlockBasedTableOptions table_options(const RocksdbSetup& setup) {
  rocksdb::BlockBasedTableOptions options;
  options.block_cache = setup.block_cache;
  // Indexes count against the cache and have half of it for themselves, so that chunks, which are
  // read once, don't push them out.
  options.cache_index_and_filter_blocks = true;
  options.cache_index_and_filter_blocks_with_high_priority = true;
  options.block_size = std::size_t{16}
                       << 10;  // rows are read in runs, and a smaller index stays cached
  options.format_version = 5;
  return options;
}

/// Small records that are replaced.
rocksdb::ColumnFamilyOptions record_family_options(const RocksdbSetup& setup,
                                                   std::size_t write_buffer_bytes) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = write_buffer_bytes;
  // A full log switches every family's buffer at once, empty ones too, and writers wait while there
  // are this many.
  options.max_write_buffer_number = 4;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(setup)));
  return options;
}

rocksdb::ColumnFamilyOptions message_family_options(const RocksdbSetup& setup,
                                                    std::size_t write_buffer_bytes,
                                                    std::shared_ptr<const DeadRows> dead_rows) {
  // No compression: rows of a level then move down without being rewritten, and most of them are
  // dead before that.
  rocksdb::ColumnFamilyOptions options = record_family_options(setup, write_buffer_bytes);
  options.max_write_buffer_number = setup.options.message_write_buffer_count;
  options.target_file_size_base = setup.options.table_bytes;
  // Rows are written once and read once: many runs beside each other are cheaper than merging them
  // early.
  constexpr int runs_max = 8;
  options.level0_file_num_compaction_trigger = runs_max;
  options.level0_slowdown_writes_trigger = 4 * runs_max;
  options.level0_stop_writes_trigger = 6 * runs_max;
  options.max_bytes_for_level_base = write_buffer_bytes * runs_max;
  // Rows of a sub-queue come in order, each just behind the one before: the place in the buffer
  // need not be searched.
  constexpr std::size_t sub_queue_bytes = message_key_bytes - sizeof(Position);
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(sub_queue_bytes));
  options.sst_partitioner_factory = std::make_shared<RocksdbPartitionerFactory>();
  options.compaction_filter_factory =
      std::make_shared<RocksdbFilterFactory<RocksdbFilter>>(std::move(dead_rows));
  options.table_properties_collector_factories.push_back(
      std::make_shared<RocksdbCollectorFactory<RocksdbTableRowsCollector>>());
  return options;
}

/// The families by the order of the descriptors; the transient instance has one alone.
template <typename Handles>
RocksdbFamilies in_order(const Handles& handles) {
  if (handles.empty()) {
    return {};
  }
  if (handles.size() == 1) {
    return {.messages = &*handles[0]};
  }
  return {&*handles[0], &*handles[1], &*handles[2], &*handles[3], &*handles[4], &*handles[5]};
}

}  // namespace

std::string text_of(const rocksdb::Status& status) {
  constexpr std::string_view old_ending = ".ldb";
  std::string text = status.ToString();
  for (std::size_t place = text.find(old_ending); place != std::string::npos;
       place = text.find(old_ending, place)) {
    text.replace(place, old_ending.size(), ".sst");
  }
  return text;
}

namespace {

Error open_failure(const std::filesystem::path& path, const rocksdb::Status& status) {
  std::string text = "the store in " + path.string() + " can't be opened: " + text_of(status);
  if (status.IsCorruption()) {
    text +=
        "; it is damaged: restore a copy, or keep what can be read with `lepus store repair "
        "--accept-loss`";
  }
  return fail(std::move(text));
}

}  // namespace

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open_durable(
    const std::filesystem::path& path, const RocksdbSetup& setup,
    std::shared_ptr<const DeadRows> dead_rows) {
  constexpr std::size_t mib = std::size_t{1} << 20;
  const rocksdb::ColumnFamilyOptions small_options = record_family_options(setup, mib);
  rocksdb::ColumnFamilyOptions message_options =
      message_family_options(setup, setup.options.message_write_buffer_bytes, dead_rows);
  message_options.disable_auto_compactions = true;
  rocksdb::ColumnFamilyOptions body_options =
      record_family_options(setup, setup.options.body_write_buffer_bytes);
  body_options.target_file_size_base = setup.options.table_bytes;
  body_options.disable_auto_compactions = true;
  body_options.compaction_filter_factory =
      std::make_shared<RocksdbFilterFactory<RocksdbBodyFilter>>(std::move(dead_rows));
  body_options.table_properties_collector_factories.push_back(
      std::make_shared<RocksdbCollectorFactory<RocksdbBodyOwnersCollector>>());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{
      {rocksdb::kDefaultColumnFamilyName, small_options},
      {topology_family_name, record_family_options(setup, 4 * mib)},
      {messages_family_name, message_options},
      {bodies_family_name, body_options},
      {progress_family_name, record_family_options(setup, 8 * mib)},
      {deleted_queues_family_name, small_options},
  };
  std::unique_ptr<RocksdbDatabase> database(new RocksdbDatabase(
      path, database_options(setup), std::move(descriptors), setup.options.log));
  if (Result<void> opened = database->open_first(); !opened) {
    return opened.error();
  }
  return database;
}

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open_transient(
    const std::filesystem::path& path, const RocksdbSetup& setup,
    std::shared_ptr<const DeadRows> dead_rows) {
  rocksdb::DBOptions options = database_options(setup);
  options.avoid_flush_during_shutdown = true;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{
      {rocksdb::kDefaultColumnFamilyName,
       message_family_options(setup, setup.options.transient_write_buffer_bytes,
                              std::move(dead_rows))}};
  std::unique_ptr<RocksdbDatabase> database(
      new RocksdbDatabase(path, std::move(options), std::move(descriptors), setup.options.log));
  if (Result<void> opened = database->open_first(); !opened) {
    return opened.error();
  }
  return database;
}

RocksdbDatabase::~RocksdbDatabase() {
  close();
}

Result<void> RocksdbDatabase::open_first() {
  if (Result<void> cut = cut_torn_log_end(*options_.env, path_, log_); !cut) {
    return cut.error();
  }
  if (const rocksdb::Status status = open(); !status.ok()) {
    return open_failure(path_, status);
  }
  // By now every family is there, and ids stay.
  for (const rocksdb::ColumnFamilyHandle* handle : handles_) {
    family_ids_.push_back(std::make_unique<RocksdbFamilyId>(*handle));
  }
  batch_families_ = in_order(family_ids_);
  return {};
}

rocksdb::Status RocksdbDatabase::reopen() {
  close();
  rocksdb::Status status;
  if (Result<void> cut = cut_torn_log_end(*options_.env, path_, log_); !cut) {
    status = rocksdb::Status::IOError(cut.error().text);
  }
  if (status.ok()) {
    status = open();
  }
  if (!status.ok()) {
    open_for_reading();
  }
  return status;
}

rocksdb::Status RocksdbDatabase::open() {
  rocksdb::DB* db = nullptr;
  rocksdb::Status status =
      rocksdb::DB::Open(options_, path_.string(), descriptors_, &handles_, &db);
  db_.reset(db);
  families_ = in_order(handles_);
  if (status.ok()) {
    status = forget_old_logs();
  }
  if (!status.ok()) {
    close();
  }
  return status;
}

/// What they held is in tables now. RocksDB removes them later: after a power cut their names could
/// be there again, with a part of what they held, beside the beginning of the next log.
rocksdb::Status RocksdbDatabase::forget_old_logs() {
  std::unique_ptr<rocksdb::LogFile> current;
  const rocksdb::Status status = db_->GetCurrentWalFile(&current);
  return status.ok() ? remove_logs_before(*options_.env, path_, current->LogNumber()) : status;
}

void RocksdbDatabase::open_for_reading() {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(options_, path_.string(), descriptors_, &handles_, &db);
  if (!status.ok()) {
    handles_.clear();
  }
  db_.reset(db);
  families_ = in_order(handles_);
}

void RocksdbDatabase::close() {
  if (db_ == nullptr) {
    return;
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle);
  }
  handles_.clear();
  families_ = {};
  db_->Close();
  db_.reset();
}

rocksdb::Status RocksdbDatabase::start_compactions() {
  std::vector<rocksdb::ColumnFamilyHandle*> families{families_.messages};
  if (families_.bodies != nullptr) {
    families.push_back(families_.bodies);
  }
  return db_->EnableAutoCompaction(families);
}

}  // namespace lepus::storage
