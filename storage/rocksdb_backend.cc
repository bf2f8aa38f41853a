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

RocksdbBatch& batch_of(const NumberedBatch& numbered) {
  return static_cast<RocksdbBatch&>(*numbered.batch);
}

/// Calls `apply` for each batch, in order.
template <typename Apply>
void for_each_batch(std::span<AppendUnit> units, const Apply& apply) {
  for (const AppendUnit& unit : units) {
    for (const NumberedBatch& numbered : unit.batches) {
      apply(numbered, batch_of(numbered));
    }
  }
}

}  // namespace

RocksdbBackend::RocksdbBackend(DataDirectory directory, StoreOptions options)
    : directory_(std::move(directory)), options_(std::move(options)) {}

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
  const RocksdbSetup setup{options_, rocksdb::NewLRUCache(options_.block_cache_bytes), counters_};
  auto durable = RocksdbDatabase::open_durable(directory_.durable_path(), setup, durable_dead_);
  if (!durable) {
    return durable.error();
  }
  durable_ = std::move(*durable);
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
  reclaimer_ = std::make_unique<RocksdbReclaimer>(
      RocksdbReclaimer::Instance{*durable_, durable_dead_},
      RocksdbReclaimer::Instance{*transient_, transient_dead_}, *deleted_queues_, options_.log);
  if (rocksdb::Status status = erase_clean_stop_marker(); !status.ok()) {
    return fail("the store in " + directory_.durable_path().string() +
                " can't be written: " + status.ToString());
  }
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
  if (!orphans.empty()) {
    std::vector<AppendUnit> units(1);
    auto batch = new_batch();
    for (QueueId orphan : orphans) {
      batch->delete_queue(orphan);
    }
    // No batch of a log: they were deleted in the run before, whose record of it got lost with
    // their topology.
    rocksdb::WriteBatch& records = static_cast<RocksdbBatch&>(*batch).durable();
    const rocksdb::Status status = failed_ ? rocksdb::Status::Aborted() : write(&records);
    if (!status.ok()) {
      fail_for_good(status);
      return;
    }
    static_cast<RocksdbBatch&>(*batch).publish(*durable_dead_, *transient_dead_);
    deleted_queues_->add(orphans);
  }
  durable_dead_->begin_dropping();
  transient_dead_->begin_dropping();
  for (RocksdbDatabase* database : {durable_.get(), transient_.get()}) {
    if (const rocksdb::Status status = database->start_compactions(); !status.ok()) {
      log(LogLevel::error, "compactions can't be started: " + status.ToString());
    }
  }
  if (options_.reclaim_interval.count() > 0) {
    reclaimer_->start(options_.reclaim_interval);
  }
}

std::unique_ptr<Batch> RocksdbBackend::new_batch() {
  return std::make_unique<RocksdbBatch>(durable_->families(), transient_->families().messages);
}

Outcome RocksdbBackend::commit(std::span<AppendUnit> units) {
  if (failed_) {
    return Outcome::unknown;
  }
  count_numbers(units);
  rocksdb::Status status = write_transient(units);
  if (status.ok()) {
    status = write_durable(units);
  }
  if (!status.ok()) {
    fail_for_good(status);
    return Outcome::unknown;
  }
  publish(units);
  return Outcome::committed;
}

void RocksdbBackend::count_numbers(std::span<AppendUnit> units) {
  for_each_batch(units, [this](const NumberedBatch& numbered, const RocksdbBatch& batch) {
    LEPUS_ASSERT(numbered.log <= topology_log, "there are no other logs");
    BatchNumber& last_number = last_numbers_[numbered.log];
    LEPUS_ASSERT(numbered.number == last_number + 1,
                 "the batches of a log are numbered without a gap");
    last_number = numbered.number;
    if (std::ranges::find(changed_logs_, numbered.log) == changed_logs_.end()) {
      changed_logs_.push_back(numbered.log);
    }
    if (batch.reserved_below() > next_queue_id_) {
      next_queue_id_ = batch.reserved_below();
      next_queue_id_changed_ = true;
    }
  });
}

rocksdb::Status RocksdbBackend::write_transient(std::span<AppendUnit> units) {
  parts_.clear();
  for_each_batch(units, [this](const NumberedBatch&, RocksdbBatch& batch) {
    if (batch.transient() != nullptr) {
      parts_.push_back(batch.transient());
    }
  });
  if (parts_.empty()) {
    return rocksdb::Status::OK();
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  rocksdb::WriteBatch joined = join_write_batches(parts_);
  return transient_->db().Write(options, &joined);
}

rocksdb::Status RocksdbBackend::write_durable(std::span<AppendUnit> units) {
  parts_.clear();
  RocksdbBatch* last = nullptr;
  bool needs_sync = false;
  for_each_batch(units, [&](const NumberedBatch&, RocksdbBatch& batch) {
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
  const rocksdb::Status status = durable_->db().Write(options, batch);
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
  forgotten_queues_ = deleted_queues_->take_forgettable();
  for (QueueId queue : forgotten_queues_) {
    const NumberBytes id = encode_number(value_of(queue));
    status = batch.Delete(families.deleted_queues, slice_of(view_of(id)));
    LEPUS_ASSERT(status.ok(), "adding to a write batch fails only beyond 4 GiB");
  }
  // Should the write fail, nothing is written after it.
  changed_logs_.clear();
  next_queue_id_changed_ = false;
}

void RocksdbBackend::publish(std::span<AppendUnit> units) {
  for_each_batch(units, [this](const NumberedBatch&, const RocksdbBatch& batch) {
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

void RocksdbBackend::fail_for_good(const rocksdb::Status& status) {
  // The log that failed is never written or synced again: the kernel may have dropped the very
  // pages, and a later sync would succeed without them. Reads go on. This is the place from which
  // the directory will be opened anew; the batches whose outcome is unknown are then appended again
  // where their number is above the stored one.
  failed_ = true;
  log(LogLevel::error,
      "a write to " + directory_.durable_path().string() +
          " failed, so that nothing is stored any more until a restart: " + status.ToString());
}

ReadOutcome RocksdbBackend::read(const ReadRequest& request, const RowVisitor& visit) {
  return read_counted(request, visit);
}

void RocksdbBackend::close() {
  reclaimer_->stop();
  if (!failed_) {
    rocksdb::WriteBatch batch;
    add_meta_records(batch);
    rocksdb::Status status = batch.Put(durable_->families().meta, slice_of(clean_stop_key), {});
    if (status.ok()) {
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
  reclaimer_.reset();
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
