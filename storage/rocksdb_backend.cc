#include "storage/rocksdb_backend.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/base/assert.h"
#include "storage/record_format.h"
#include "storage/rocksdb_environment.h"
#include "storage/rocksdb_read.h"

namespace lepus::storage {

namespace {

rocksdb::Slice slice_of(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

/// The file of the reserve in a data directory.
constexpr const char* reserve_name = "lepus.reserve";

/// A disk of a test's own has no room to keep.
std::uint64_t reserve_bytes(const std::filesystem::path& directory, const StoreOptions& options) {
  return options.environment == nullptr || std::filesystem::exists(directory)
             ? options.reserve_bytes
             : 0;
}

RocksdbBatch& batch_of(const NumberedBatch& numbered) {
  return static_cast<RocksdbBatch&>(*numbered.batch);
}

/// Calls `apply` for each batch, in order.
template <typename Apply>
void for_each_batch(std::span<AppendUnit> units, const Apply& apply) {
  for (AppendUnit& unit : units) {
    for (const NumberedBatch& numbered : unit.batches) {
      apply(unit, numbered, batch_of(numbered));
    }
  }
}

}  // namespace

RocksdbBackend::RocksdbBackend(DataDirectory directory, StoreOptions options)
    : directory_(std::move(directory)),
      options_(std::move(options)),
      health_(options_.log, options_.health_changed),
      reserve_(directory_.path() / reserve_name, reserve_bytes(directory_.path(), options_)) {}

Result<std::shared_ptr<RocksdbBackend>> RocksdbBackend::open(const std::filesystem::path& path,
                                                             const StoreOptions& options) {
  Result<DataDirectory> directory = open_directory(path, options);
  if (!directory) {
    return directory.error();
  }
  std::shared_ptr<RocksdbBackend> backend(new RocksdbBackend(std::move(*directory), options));
  if (Result<void> opened = backend->open_databases(); !opened) {
    return opened.error();
  }
  return backend;
}

Result<void> RocksdbBackend::open_databases() {
  if (reserve_.is_needed()) {
    reserve_.release();
  }
  RocksdbSetup setup{options_, rocksdb::NewLRUCache(options_.block_cache_bytes), counters_,
                     durable_errors_};
  auto durable = RocksdbDatabase::open_durable(directory_.durable_path(), setup, durable_dead_);
  if (!durable) {
    return durable.error();
  }
  durable_ = std::move(*durable);
  setup.listener = nullptr;
  auto transient =
      RocksdbDatabase::open_transient(directory_.transient_path(), setup, transient_dead_);
  if (!transient) {
    return transient.error();
  }
  transient_ = std::move(*transient);
  if (!sync_directory(directory_, options_)) {
    return fail("data directory " + directory_.path().string() + ": can't be synced");
  }
  Result<RocksdbRecovered> loaded = load_recovered(*durable_);
  if (!loaded) {
    return loaded.error();
  }
  recovered_ = std::move(loaded->recovered);
  next_queue_id_ = recovered_.next_queue_id;
  for (const auto& [log, number] : recovered_.last_numbers) {
    last_numbers_[log] = number;
  }
  for (const auto& [queue, progress] : recovered_.progress) {
    for (const SubQueueProgress& sub_queue : progress.sub_queues) {
      for (const ProgressPage& page : sub_queue.pages) {
        stored_pages_.note({queue, sub_queue.priority, page.begin}, false);
      }
    }
    if (auto dead = dead_part_of(progress)) {
      durable_dead_->publish(queue, std::move(dead));
    }
  }
  for (QueueId queue : loaded->deleted_queues) {
    durable_dead_->publish(queue, deleted_queue());
  }
  deleted_queues_ = std::make_unique<RocksdbDeletedQueues>(*durable_, *transient_,
                                                           options_.deleted_queues_check_min);
  deleted_queues_->add(loaded->deleted_queues);
  make_reclaimer();
  if (rocksdb::Status status = erase_clean_stop_marker(); !status.ok()) {
    return fail("the store in " + directory_.durable_path().string() +
                " can't be written: " + status.ToString());
  }
  make_reserve();
  return {};
}

rocksdb::Status RocksdbBackend::erase_clean_stop_marker() {
  if (!recovered_.clean_stop) {
    return rocksdb::Status::OK();
  }
  // Before anything is delivered: a delivery leaves no trace of its own, and from here on this run
  // may crash.
  rocksdb::WriteBatch batch;
  const rocksdb::Status status = batch.Delete(durable_->families().meta, slice_of(clean_stop_key));
  return status.ok() ? write(&batch) : status;
}

Recovered RocksdbBackend::take_recovered() {
  return std::exchange(recovered_, {});
}

void RocksdbBackend::recovery_finished(std::span<const QueueId> orphans) {
  orphans_.assign(orphans.begin(), orphans.end());
  recovery_wanted_ = true;
  finish_recovery();
}

void RocksdbBackend::finish_recovery() {
  if (!can_commit()) {
    return;  // When it is open again.
  }
  if (!orphans_.empty()) {
    auto batch = new_batch();
    auto& records = static_cast<RocksdbBatch&>(*batch);
    for (QueueId orphan : orphans_) {
      batch->delete_queue(orphan);
      records.erase_pages(stored_pages_.of(orphan));
    }
    // No batch of a log: they were deleted in the run before, whose record of it got lost with
    // their topology.
    if (const rocksdb::Status status = write(&records.durable()); !status.ok()) {
      fail_durable(status);
      return;
    }
    for (QueueId orphan : orphans_) {
      stored_pages_.forget(orphan);
    }
    records.publish(*durable_dead_, *transient_dead_);
    deleted_queues_->add(orphans_);
    orphans_.clear();
  }
  recovery_wanted_ = false;
  has_recovered_ = true;
  durable_dead_->begin_dropping();
  transient_dead_->begin_dropping();
  if (const rocksdb::Status status = transient_->start_compactions(); !status.ok()) {
    log(LogLevel::error, "compactions can't be started: " + status.ToString());
  }
  start_background_work();
}

void RocksdbBackend::start_background_work() {
  if (!has_recovered_ || health_.has(RocksdbHealth::Problem::damaged)) {
    return;  // A compaction would stop at the damage, and with it all writes.
  }
  if (const rocksdb::Status status = durable_->start_compactions(); !status.ok()) {
    log(LogLevel::error, "compactions can't be started: " + status.ToString());
  }
  if (options_.reclaim_interval.count() > 0) {
    reclaimer_->start(options_.reclaim_interval);
  }
}

std::unique_ptr<Batch> RocksdbBackend::new_batch() {
  return std::make_unique<RocksdbBatch>(durable_->batch_families(),
                                        transient_->batch_families().messages);
}

Outcome RocksdbBackend::commit(std::span<AppendUnit> units) {
  // In any case: after a failure these units are known to come again.
  count_numbers(units);
  if (!can_commit()) {
    return Outcome::unknown;
  }
  write_transient(units);
  if (const rocksdb::Status status = write_durable(units); !status.ok()) {
    fail_durable(status);
    return Outcome::unknown;
  }
  publish(units);
  return Outcome::committed;
}

void RocksdbBackend::count_numbers(std::span<AppendUnit> units) {
  for_each_batch(
      units, [this](const AppendUnit& unit, const NumberedBatch& numbered, RocksdbBatch& batch) {
        if (unit.is_again) {
          return;
        }
        LEPUS_ASSERT(numbered.log <= topology_log, "there are no other logs");
        BatchNumber& last_number = last_numbers_[numbered.log];
        LEPUS_ASSERT(numbered.number == last_number + 1,
                     "the batches of a log are numbered without a gap");
        last_number = numbered.number;
        if (std::ranges::find(changed_logs_, numbered.log) == changed_logs_.end()) {
          changed_logs_.push_back(numbered.log);
        }
        note_pages(batch);
        if (batch.reserved_below() > next_queue_id_) {
          next_queue_id_ = batch.reserved_below();
          next_queue_id_changed_ = true;
        }
      });
}

/// Once for each batch: what is written again has its pages' deletions in it.
void RocksdbBackend::note_pages(RocksdbBatch& batch) {
  for (const auto& [key, is_erased] : batch.pages()) {
    stored_pages_.note(key, is_erased);
  }
  for (const QueueId queue : batch.deleted_queues()) {
    batch.erase_pages(stored_pages_.of(queue));
    stored_pages_.forget(queue);
  }
}

void RocksdbBackend::write_transient(std::span<AppendUnit> units) {
  parts_.clear();
  for_each_batch(units, [this](AppendUnit& unit, const NumberedBatch&, RocksdbBatch& batch) {
    if (batch.transient() != nullptr && !unit.is_again) {
      parts_.push_back(batch.transient());
      unit.outcome = Outcome::unknown;  // until they are written
    }
  });
  if (parts_.empty() || transient_failed_) {
    return;
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  rocksdb::WriteBatch joined = join_write_batches(parts_);
  if (const rocksdb::Status status = transient_->db().Write(options, &joined); !status.ok()) {
    fail_transient(status);
    return;
  }
  for (AppendUnit& unit : units) {
    unit.outcome = Outcome::committed;
  }
}

rocksdb::Status RocksdbBackend::write_durable(std::span<AppendUnit> units) {
  parts_.clear();
  RocksdbBatch* last = nullptr;
  bool needs_sync = false;
  for_each_batch(units,
                 [&](const AppendUnit& unit, const NumberedBatch& numbered, RocksdbBatch& batch) {
                   if (unit.is_again && numbered.number <= stored_numbers_[numbered.log]) {
                     return;  // It was written after all.
                   }
                   needs_sync = needs_sync || batch.needs_sync();
                   if (batch.durable().Count() != 0 || last == nullptr) {
                     parts_.push_back(&batch.durable());
                     last = &batch;
                   }
                 });
  // Transient rows alone write nothing here: each write of this instance is synced, or a power cut
  // could keep a later one and lose an earlier one. Their numbers go with the next write.
  if (!needs_sync) {
    return rocksdb::Status::OK();
  }
  add_meta_records(last->durable());
  if (parts_.size() == 1) {
    return write(&last->durable());
  }
  rocksdb::WriteBatch joined = join_write_batches(parts_);
  return write(&joined);
}

rocksdb::Status RocksdbBackend::write(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions options;
  options.sync = options_.sync_writes;
  const auto begin = StatisticsCounters::Clock::now();
  rocksdb::Status status = durable_->db().Write(options, batch);
  if (status.ok()) {
    counters_->count_commit(parts_.size(), batch->Count(), batch->GetDataSize(),
                            StatisticsCounters::Clock::now() - begin);
  } else {
    counters_->count_failed_commit();
  }
  return status;
}

void RocksdbBackend::add_meta_records(rocksdb::WriteBatch& batch) {
  const RocksdbFamilies& families = durable_->families();
  rocksdb::Status status;
  for (LogId log : changed_logs_) {
    const NumberBytes number = encode_number(last_numbers_[log]);
    status = batch.Put(families.meta, encode_last_number_key(log), slice_of(view_of(number)));
    LEPUS_ASSERT(status.ok(), "adding to a write batch fails only beyond 4 GiB");
  }
  if (next_queue_id_changed_) {
    const NumberBytes id = encode_number(next_queue_id_);
    status = batch.Put(families.meta, slice_of(next_queue_id_key), slice_of(view_of(id)));
    LEPUS_ASSERT(status.ok(), "adding to a write batch fails only beyond 4 GiB");
  }
  const std::vector<QueueId> forgettable = deleted_queues_->take_forgettable();
  forgotten_queues_.insert(forgotten_queues_.end(), forgettable.begin(), forgettable.end());
  for (QueueId queue : forgotten_queues_) {
    const NumberBytes id = encode_number(value_of(queue));
    status = batch.Delete(families.deleted_queues, slice_of(view_of(id)));
    LEPUS_ASSERT(status.ok(), "adding to a write batch fails only beyond 4 GiB");
  }
  // Should the write fail, they are found out anew when the store is open again.
  changed_logs_.clear();
  next_queue_id_changed_ = false;
}

void RocksdbBackend::publish(std::span<AppendUnit> units) {
  for_each_batch(units, [this](const AppendUnit&, const NumberedBatch&, const RocksdbBatch& batch) {
    batch.publish(*durable_dead_, *transient_dead_);
    deleted_queues_->add(batch.deleted_queues());
  });
  forget_written_queues();
}

void RocksdbBackend::forget_written_queues() {
  for (QueueId queue : forgotten_queues_) {
    durable_dead_->forget(queue);
    transient_dead_->forget(queue);
  }
  forgotten_queues_.clear();
}

ReadOutcome RocksdbBackend::read(const ReadRequest& request, const RowVisitor& visit) {
  const ReadGate::Pass pass(read_gate_);
  if (!durable_->is_open()) {
    return {true, "the store in " + directory_.durable_path().string() + " is not open",
            request.positions.begin};
  }
  ReadOutcome outcome = read_counted(request, visit);
  if (outcome.failed) {
    note_damage(outcome.error);
  }
  return outcome;
}

void RocksdbBackend::close(bool everything_committed) {
  reclaimer_.reset();
  if (can_commit()) {
    rocksdb::WriteBatch batch;
    add_meta_records(batch);
    rocksdb::Status status;
    if (everything_committed) {
      status = batch.Put(durable_->families().meta, slice_of(clean_stop_key), {});
    }
    if (status.ok() && batch.Count() != 0) {
      status = write(&batch);
    }
    if (status.ok()) {
      // What is dead by now need not be replayed by the next start.
      status = durable_->db().Flush({}, durable_->families().messages);
    }
    if (!status.ok()) {
      log(LogLevel::error, "the store was not stopped cleanly: " + status.ToString());
    }
  }
  deleted_queues_.reset();
  transient_.reset();
  durable_.reset();
}

void RocksdbBackend::log(LogLevel level, std::string text) const {
  if (options_.log) {
    options_.log(level, std::move(text));
  }
}

}  // namespace lepus::storage
