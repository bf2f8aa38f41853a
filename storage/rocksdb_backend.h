#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "storage/backend.h"
#include "storage/data_directory.h"
#include "storage/disk_reserve.h"
#include "storage/read_gate.h"
#include "storage/rocksdb_batch.h"
#include "storage/rocksdb_database.h"
#include "storage/rocksdb_deleted_queues.h"
#include "storage/rocksdb_errors.h"
#include "storage/rocksdb_health.h"
#include "storage/rocksdb_reclaimer.h"
#include "storage/rocksdb_recovery.h"
#include "storage/statistics_counters.h"
#include "storage/stored_pages.h"

namespace lepus::storage {

/// The state of a store in a data directory: a RocksDB instance for what is durable, and one
/// without a log for transient rows. See docs/storage-format.md for what is written.
///
/// After a failed write or sync the durable instance is never written again: the kernel may have
/// dropped the very pages, and a later sync would succeed without them. It serves reads until
/// resume() has opened it anew, which flushes what its log holds.
///
/// Concurrency: as Backend says. The reclaimer's thread works beside.
class RocksdbBackend final : public Backend {
 public:
  /// The error is one line for the operator.
  [[nodiscard]] static Result<std::shared_ptr<RocksdbBackend>> open(
      const std::filesystem::path& path, const StoreOptions& options);

  /// Without close() before, as if the process had been killed.
  ~RocksdbBackend() override = default;

  [[nodiscard]] Recovered take_recovered() override;
  void recovery_finished(std::span<const QueueId> orphans) override;
  [[nodiscard]] std::unique_ptr<Batch> new_batch() override;
  [[nodiscard]] Outcome commit(std::span<AppendUnit> units) override;
  [[nodiscard]] bool can_commit() const override;
  [[nodiscard]] bool needs_resume() const override;
  void resume() override;
  void set_waker(const std::function<void()>& waker) override;
  [[nodiscard]] ReadOutcome read(const ReadRequest& request, const RowVisitor& visit) override;
  [[nodiscard]] StoreStatistics statistics() const override;
  [[nodiscard]] Result<void> backup(const std::filesystem::path& to) override;

  [[nodiscard]] StoreHealth health() const override { return health_.get(); }

  void close(bool everything_committed) override;

  /// One round of the reclaimer on the caller's thread; for tests, with a reclaim_interval of zero.
  void reclaim() { reclaimer_->run_once(); }

  /// The instances and what is known to be dead of the durable one; for tests.
  [[nodiscard]] RocksdbDatabase& durable() const { return *durable_; }

  [[nodiscard]] RocksdbDatabase& transient() const { return *transient_; }

  [[nodiscard]] const DeadRows& durable_dead() const { return *durable_dead_; }

 private:
  RocksdbBackend(DataDirectory directory, StoreOptions options);

  [[nodiscard]] Result<void> open_databases();
  void make_reclaimer();
  [[nodiscard]] rocksdb::Status erase_clean_stop_marker();
  void finish_recovery();
  void start_background_work();
  void write_transient(std::span<AppendUnit> units);
  [[nodiscard]] rocksdb::Status write_durable(std::span<AppendUnit> units);
  [[nodiscard]] rocksdb::Status write(rocksdb::WriteBatch* batch);
  [[nodiscard]] ReadOutcome read_counted(const ReadRequest& request, const RowVisitor& visit);
  void note_pages(RocksdbBatch& batch);
  void count_numbers(std::span<AppendUnit> units);
  void add_meta_records(rocksdb::WriteBatch& batch);
  void forget_written_queues();
  void publish(std::span<AppendUnit> units);
  void log(LogLevel level, std::string text) const;

  // After a fault, see rocksdb_backend_resume.cc:
  void fail_durable(const rocksdb::Status& status);
  void fail_transient(const rocksdb::Status& status);
  void note_background_error(const RocksdbErrors::Background& error);
  void note_damage(const std::string& text);
  void reopen_durable();
  [[nodiscard]] bool has_room();
  [[nodiscard]] rocksdb::Status load_stored_numbers();
  void resume_transient();
  void make_reserve();

  // Constant after open(). The directory's lock is let go of last, the databases after all that
  // uses them.
  DataDirectory directory_;
  const StoreOptions options_;
  const std::shared_ptr<StatisticsCounters> counters_ = std::make_shared<StatisticsCounters>();
  const std::shared_ptr<DeadRows> durable_dead_ = std::make_shared<DeadRows>();
  const std::shared_ptr<DeadRows> transient_dead_ = std::make_shared<DeadRows>();
  const std::shared_ptr<RocksdbErrors> durable_errors_ = std::make_shared<RocksdbErrors>();
  RocksdbHealth health_;
  DiskReserve reserve_;         ///< the committer's
  mutable ReadGate read_gate_;  ///< closed while the durable instance is opened again
  std::unique_ptr<RocksdbDatabase> durable_;
  std::unique_ptr<RocksdbDatabase> transient_;
  std::unique_ptr<RocksdbDeletedQueues> deleted_queues_;
  std::unique_ptr<RocksdbReclaimer> reclaimer_;
  Recovered recovered_;  ///< until it is taken

  // The committer's:
  using Numbers = std::array<BatchNumber, partition_count + 1>;
  Numbers last_numbers_{};
  Numbers stored_numbers_{};         ///< as they were found when the store was opened again
  std::vector<LogId> changed_logs_;  ///< whose number is not written yet
  std::uint64_t next_queue_id_ = 1;
  bool next_queue_id_changed_ = false;
  StoredPages stored_pages_;
  std::vector<QueueId> forgotten_queues_;  ///< their records are erased by the write under way
  std::vector<const rocksdb::WriteBatch*> parts_;  ///< keeps its capacity
  std::vector<QueueId> orphans_;                   ///< to be deleted before recovery has finished
  bool recovery_wanted_ = false;   ///< recovery_finished() was called, its work is not done
  bool has_recovered_ = false;     ///< its work is done
  bool durable_failed_ = false;    ///< nothing is written until it is open again
  bool transient_failed_ = false;  ///< transient rows stay in memory
  bool no_space_ = false;          ///< that is why it failed
};

}  // namespace lepus::storage
