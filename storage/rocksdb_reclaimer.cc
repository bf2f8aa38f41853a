#include "storage/rocksdb_reclaimer.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include <sys/resource.h>

namespace lepus::storage {

namespace {

/// A table of level 0 is looked at so often before it is rewritten here.
constexpr int level_0_looks_min = 3;

std::uint64_t file_number_of(const std::string& path) {
  const std::size_t name = path.find_last_of('/') + 1;
  return std::stoull(path.substr(name));
}

}  // namespace

rocksdb::Status RocksdbTableReclaimer::run(const std::atomic<bool>& stopping) {
  was_put_off_ = false;
  rocksdb::ColumnFamilyMetaData metadata;
  database_.db().GetColumnFamilyMetaData(family_, &metadata);
  rocksdb::Status status = load_new_tables(metadata);
  if (!status.ok()) {
    return status;
  }
  for (const Candidate& candidate : find_candidates(metadata)) {
    if (stopping) {
      break;
    }
    status = rewrite(candidate);
    if (!status.ok()) {
      return status;
    }
  }
  return rocksdb::Status::OK();
}

rocksdb::Status RocksdbTableReclaimer::load_new_tables(
    const rocksdb::ColumnFamilyMetaData& metadata) {
  std::unordered_set<std::uint64_t> live;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      live.insert(file.file_number);
      if (tables_.contains(file.file_number)) {
        continue;
      }
      const rocksdb::Range range(file.smallestkey, file.largestkey);
      rocksdb::TablePropertiesCollection properties;
      rocksdb::Status status =
          database_.db().GetPropertiesOfTablesInRange(family_, &range, 1, &properties);
      if (!status.ok()) {
        return status;
      }
      for (const auto& [path, table] : properties) {
        const auto runs = table->user_collected_properties.find(table_rows_property);
        if (runs != table->user_collected_properties.end()) {
          tables_[file_number_of(path)].runs = decode_table_runs(runs->second);
        }
      }
      tables_.try_emplace(file.file_number);
    }
  }
  std::erase_if(tables_, [&](const auto& table) { return !live.contains(table.first); });
  return rocksdb::Status::OK();
}

std::vector<RocksdbTableReclaimer::Candidate> RocksdbTableReclaimer::find_candidates(
    const rocksdb::ColumnFamilyMetaData& metadata) {
  std::vector<Candidate> candidates;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      auto found = tables_.find(file.file_number);
      was_put_off_ = was_put_off_ || file.being_compacted;
      if (found == tables_.end() || file.being_compacted) {
        continue;
      }
      Table& table = found->second;
      table.looks += 1;
      const std::uint64_t dead = dead_bytes(table);
      const bool worth_it =
          dead > table.dead_bytes_known &&
          dead - table.dead_bytes_known >= std::max<std::uint64_t>(file.size / 2, 1);
      if (worth_it && (level.level > 0 || table.looks >= level_0_looks_min)) {
        candidates.push_back({file.relative_filename, file.file_number, level.level});
      }
    }
  }
  return candidates;
}

rocksdb::Status RocksdbTableReclaimer::rewrite(const Candidate& candidate) {
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kNoCompression;
  options.output_file_size_limit = std::uint64_t{64} << 20;
  // Within its level a table overlaps no other. One of level 0 goes down, with what it overlaps
  // there.
  const int output_level = std::max(candidate.level, 1);
  std::vector<std::string> outputs;
  const rocksdb::Status status =
      database_.db().CompactFiles(options, family_, {candidate.name}, output_level, -1, &outputs);
  if (!status.ok()) {
    // The table has gone or is being compacted by now, which may be of no use to us, or the
    // database is closing.
    was_put_off_ = true;
    return status.IsAborted() || status.IsInvalidArgument() || status.IsIncomplete() ||
                   status.IsShutdownInProgress() || status.IsBusy()
               ? rocksdb::Status::OK()
               : status;
  }
  tables_.erase(candidate.number);
  rocksdb::ColumnFamilyMetaData metadata;
  database_.db().GetColumnFamilyMetaData(family_, &metadata);
  rocksdb::Status loaded = load_new_tables(metadata);
  for (const std::string& output : outputs) {
    auto table = tables_.find(file_number_of(output));
    if (table != tables_.end()) {
      table->second.dead_bytes_known = dead_bytes(table->second);
    }
  }
  return loaded;
}

std::uint64_t RocksdbTableReclaimer::dead_bytes(const Table& table) const {
  std::uint64_t bytes = 0;
  for (const TableRun& run : table.runs) {
    bytes += estimate_dead_bytes(run, *dead_rows_);
  }
  return bytes;
}

RocksdbReclaimer::RocksdbReclaimer(Instance durable, Instance transient,
                                   RocksdbDeletedQueues& deleted_queues, LogSink log)
    : durable_(std::move(durable)),
      transient_(std::move(transient)),
      durable_tables_(durable_.database, durable_.database.families().messages, durable_.dead_rows),
      body_tables_(durable_.database, durable_.database.families().bodies, durable_.dead_rows),
      transient_tables_(transient_.database, transient_.database.families().messages,
                        transient_.dead_rows),
      deleted_queues_(deleted_queues),
      log_(std::move(log)) {}

RocksdbReclaimer::~RocksdbReclaimer() {
  stop();
}

void RocksdbReclaimer::start(std::chrono::milliseconds interval) {
  thread_ = std::thread([this, interval] { run_thread(interval); });
}

void RocksdbReclaimer::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_.exchange(true)) {
      return;
    }
  }
  stop_wanted_.notify_all();
  durable_.database.db().DisableManualCompaction();
  transient_.database.db().DisableManualCompaction();
  if (thread_.joinable()) {
    thread_.join();
  }
  // They are counted; the instances may go on without this reclaimer.
  durable_.database.db().EnableManualCompaction();
  transient_.database.db().EnableManualCompaction();
}

void RocksdbReclaimer::run_once() {
  rocksdb::Status status = durable_tables_.run(stopping_);
  if (status.ok()) {
    status = body_tables_.run(stopping_);
  }
  if (status.ok()) {
    status = transient_tables_.run(stopping_);
  }
  if (status.ok() && !stopping_) {
    status = deleted_queues_.check(std::exchange(first_check_, false));
  }
  if (!status.ok() && !stopping_ && log_) {
    log_(LogLevel::warning, "space of dead messages could not be given back: " + status.ToString());
  }
}

void RocksdbReclaimer::run_thread(std::chrono::milliseconds interval) {
  // On Linux the priority is the calling thread's.
  constexpr int lowest_priority = 19;
  (void)setpriority(PRIO_PROCESS, 0, lowest_priority);
  // Tables of level 0 need some looks after the last change.
  int looks_left = level_0_looks_min;
  std::uint64_t changes_seen = 0;
  std::unique_lock lock(mutex_);
  while (!stop_wanted_.wait_for(lock, interval, [this] { return stopping_.load(); })) {
    const std::uint64_t changes =
        durable_.dead_rows->change_count() + transient_.dead_rows->change_count();
    if (std::exchange(changes_seen, changes) != changes) {
      looks_left = level_0_looks_min;
    }
    if (looks_left > 0) {
      looks_left -= 1;
      lock.unlock();
      run_once();
      lock.lock();
      if (durable_tables_.was_put_off() || body_tables_.was_put_off() ||
          transient_tables_.was_put_off()) {
        looks_left = std::max(looks_left, 1);
      }
    }
  }
}

}  // namespace lepus::storage
