#include "tests/simulation/simulated_disk.h"

#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "broker/base/assert.h"
#include "storage/rocksdb_backend.h"
#include "tests/storage/simulated_environment.h"

namespace lepus::simulation {

namespace {

using storage::MemoryBatch;

/// A MemoryBackend whose commits may fail, with all of their units kept or none.
class FailingBackend final : public storage::Backend {
 public:
  explicit FailingBackend(std::uint64_t seed) : random_(seed) {}

  storage::Recovered take_recovered() override { return memory_.take_recovered(); }

  void recovery_finished(std::span<const storage::QueueId> orphans) override {
    memory_.recovery_finished(orphans);
  }

  std::unique_ptr<storage::Batch> new_batch() override { return memory_.new_batch(); }

  storage::Outcome commit(std::span<storage::AppendUnit> units) override {
    const bool is_stored = !units.empty() && units.front().is_again && again_is_stored_;
    if (strikes(off_in_)) {
      is_off_ = true;
    }
    if (is_off_ || strikes(fails_in_)) {
      has_failed_ = true;
      if (!is_stored && random_.one_in(2)) {
        again_is_stored_ = memory_.commit(units) == storage::Outcome::committed;
      }
      return storage::Outcome::unknown;
    }
    again_is_stored_ = false;
    return is_stored ? storage::Outcome::committed : memory_.commit(units);
  }

  bool can_commit() const override { return !has_failed_; }

  bool needs_resume() const override { return has_failed_; }

  void resume() override { has_failed_ = is_off_ || random_.one_in(2); }

  storage::ReadOutcome read(const storage::ReadRequest& request,
                            const storage::RowVisitor& visit) override {
    return memory_.read(request, visit);
  }

  void close(bool everything_committed) override { memory_.close(everything_committed); }

  void reopen() {
    memory_.reopen();
    off_in_ = 0;
    fails_in_ = 0;
    is_off_ = false;
    has_failed_ = false;
    again_is_stored_ = false;
  }

  void power_off_in(std::size_t commits) { off_in_ = commits; }

  void fail_in(std::size_t commits) { fails_in_ = commits; }

  [[nodiscard]] bool is_off() const { return is_off_; }

 private:
  [[nodiscard]] static bool strikes(std::size_t& commits) { return commits > 0 && --commits == 0; }

  storage::MemoryBackend memory_;
  Random random_;
  std::size_t off_in_ = 0;  // commits; 0: not
  std::size_t fails_in_ = 0;
  bool is_off_ = false;
  bool has_failed_ = false;
  bool again_is_stored_ = false;  // what comes again after a failure is there
};

class MemoryDisk final : public SimulatedDisk {
 public:
  explicit MemoryDisk(std::uint64_t seed) : backend_(seed) {}

  storage::Backend& backend() override { return backend_; }

  std::unique_ptr<storage::Batch> new_batch() override { return backend_.new_batch(); }

  const MemoryBatch& content_of(const storage::Batch& batch) override {
    return static_cast<const MemoryBatch&>(batch);
  }

  std::unique_ptr<storage::Batch> for_backend(std::unique_ptr<storage::Batch> batch) override {
    return batch;
  }

  void recovery_finished(std::span<const storage::QueueId> orphans) override {
    backend_.recovery_finished(orphans);
  }

  bool power_off_soon(Random& /*random*/) override { return false; }

  void power_off_in_start(Random& random) override { backend_.power_off_in(random.between(1, 8)); }

  void stay_on() override { backend_.power_off_in(0); }

  bool is_off() override { return backend_.is_off(); }

  void fail_soon(Random& random) override { backend_.fail_in(random.between(1, 3)); }

  void mend() override { backend_.fail_in(0); }

  void finish_jobs() override {}

  void maintain(Random& /*random*/) override {}

  void close(bool everything_committed) override { backend_.close(everything_committed); }

  std::optional<std::string> restart(Random& /*random*/) override {
    backend_.reopen();
    return std::nullopt;
  }

 private:
  FailingBackend backend_;
};

/// A batch of a RocksDB store, and beside it what the checker sees.
class WatchedBatch final : public storage::Batch {
 public:
  explicit WatchedBatch(std::unique_ptr<storage::Batch> real) : real_(std::move(real)) {}

  void put_message(storage::MessageKey key, std::span<const std::string_view> payload) override {
    content_.put_message(key, payload);
    real_->put_message(key, payload);
  }

  void put_body(std::span<const storage::MessageKey> owners, std::string_view body) override {
    content_.put_body(owners, body);
    real_->put_body(owners, body);
  }

  void put_message_with_body(storage::MessageKey key, std::span<const std::string_view> payload,
                             storage::MessageKey body_key, std::string_view body) override {
    content_.put_message_with_body(key, payload, body_key, body);
    real_->put_message_with_body(key, payload, body_key, body);
  }

  void put_transient_message(storage::MessageKey key,
                             std::span<const std::string_view> payload) override {
    content_.put_transient_message(key, payload);
    real_->put_transient_message(key, payload);
  }

  void put_progress(storage::QueueId queue, const storage::QueueProgress& progress) override {
    content_.put_progress(queue, progress);
    real_->put_progress(queue, progress);
  }

  void note_transient_floor(storage::QueueId queue, storage::Priority priority,
                            storage::Position floor) override {
    content_.note_transient_floor(queue, priority, floor);
    real_->note_transient_floor(queue, priority, floor);
  }

  void delete_queue(storage::QueueId queue) override {
    content_.delete_queue(queue);
    real_->delete_queue(queue);
  }

  void put_topology(std::string_view key, std::string_view value) override {
    content_.put_topology(key, value);
    real_->put_topology(key, value);
  }

  void erase_topology(std::string_view key) override {
    content_.erase_topology(key);
    real_->erase_topology(key);
  }

  void reserve_queue_ids_below(std::uint64_t id) override {
    content_.reserve_queue_ids_below(id);
    real_->reserve_queue_ids_below(id);
  }

  [[nodiscard]] std::size_t size_bytes() const override { return real_->size_bytes(); }

  [[nodiscard]] bool needs_sync() const override { return real_->needs_sync(); }

  [[nodiscard]] const MemoryBatch& content() const { return content_; }

  [[nodiscard]] std::unique_ptr<storage::Batch> take_real() { return std::move(real_); }

 private:
  MemoryBatch content_;
  std::unique_ptr<storage::Batch> real_;
};

/// The jobs of RocksDB are held back but where they are awaited, so that the order of what happens
/// on the disk depends on the seed alone.
class RocksdbDisk final : public SimulatedDisk {
 public:
  RocksdbDisk(std::uint64_t seed, bool syncs) : environment_(seed) {
    options_.environment = &environment_;
    options_.sync_writes = syncs;
    options_.reclaim_interval = std::chrono::milliseconds(0);
    options_.deleted_queues_check_min = 1;
    // Small, so that logs are switched and tables written in a short run. Buffers are only full
    // when a log is: what they hold depends on more than the seed.
    options_.log_bytes_max = 100'000;
    options_.table_bytes = 100'000;
    options_.message_write_buffer_bytes = std::size_t{4} << 20;
    options_.block_cache_bytes = std::size_t{1} << 20;
    const auto error = open();
    LEPUS_ASSERT(!error, "an empty disk is no reason to fail");
  }

  ~RocksdbDisk() override { power_off(); }

  storage::Backend& backend() override { return *backend_; }

  std::unique_ptr<storage::Batch> new_batch() override {
    return std::make_unique<WatchedBatch>(backend_->new_batch());
  }

  const MemoryBatch& content_of(const storage::Batch& batch) override {
    return static_cast<const WatchedBatch&>(batch).content();
  }

  std::unique_ptr<storage::Batch> for_backend(std::unique_ptr<storage::Batch> batch) override {
    return static_cast<WatchedBatch&>(*batch).take_real();
  }

  void recovery_finished(std::span<const storage::QueueId> orphans) override {
    environment_.run_jobs();
    backend_->recovery_finished(orphans);
    finish_jobs();
  }

  bool power_off_soon(Random& random) override {
    if (random.one_in(2)) {
      return false;
    }
    // A commit is an append and a sync, more where the log is switched.
    environment_.disk().power_off_at(random.between(1, 4));
    return true;
  }

  void power_off_in_start(Random& random) override {
    environment_.disk().power_off_at(random.between(1, 40));
  }

  void stay_on() override { environment_.disk().power_off_at(UINT64_MAX); }

  bool is_off() override { return environment_.disk().is_off(); }

  void fail_soon(Random& random) override {
    using Operation = storage::FileOperation;
    environment_.disk().fail({.operation = random.one_in(2) ? Operation::append : Operation::sync,
                              .nth = random.between(1, 3),
                              .lasting = random.one_in(2),
                              .no_space = random.one_in(3),
                              .path_part = ".log"});
  }

  void mend() override { environment_.disk().end_fault(); }

  void finish_jobs() override {
    environment_.run_jobs();
    environment_.hold_jobs();
  }

  void maintain(Random& random) override {
    constexpr std::size_t rarely = 40;
    if (!random.one_in(rarely)) {
      return;
    }
    environment_.run_jobs();
    const storage::RocksdbDatabase& database =
        random.one_in(4) ? backend_->transient() : backend_->durable();
    switch (random.below(3)) {
      case 0:
        static_cast<void>(
            database.db().CompactRange({}, database.families().messages, nullptr, nullptr));
        break;
      case 1:
        static_cast<void>(database.db().Flush({}, database.families().messages));
        break;
      default:
        backend_->reclaim();
        break;
    }
    finish_jobs();
  }

  void close(bool everything_committed) override {
    environment_.run_jobs();
    backend_->close(everything_committed);
  }

  std::optional<std::string> restart(Random& random) override {
    cut(random);
    while (random.one_in(4)) {
      // The power goes once more, while the store starts or right after.
      environment_.disk().power_off_at(random.between(1, 60));
      auto error = open();
      if (error && !environment_.disk().is_off()) {
        return error;
      }
      cut(random);
    }
    return open();
  }

 private:
  void power_off() {
    environment_.disk().power_off();
    environment_.run_jobs();
    backend_.reset();
  }

  void cut(Random& random) {
    using Loss = storage::SimulatedFileSystem::Loss;
    power_off();
    const bool only_killed = random.one_in(4);
    environment_.disk().power_on(only_killed        ? Loss::none
                                 : random.one_in(2) ? Loss::tail
                                                    : Loss::tail_and_holes);
  }

  std::optional<std::string> open() {
    environment_.hold_jobs();
    auto opened = storage::RocksdbBackend::open("/data", options_);
    finish_jobs();
    if (!opened) {
      return opened.error().text;
    }
    backend_ = std::move(*opened);
    return std::nullopt;
  }

  storage::SimulatedEnvironment environment_;
  storage::StoreOptions options_;
  std::shared_ptr<storage::RocksdbBackend> backend_;
};

}  // namespace

std::unique_ptr<SimulatedDisk> make_simulated_disk(StoreKind kind, std::uint64_t seed, bool syncs) {
  switch (kind) {
    case StoreKind::memory:
      return std::make_unique<MemoryDisk>(seed);
    case StoreKind::rocksdb:
      return std::make_unique<RocksdbDisk>(seed, syncs);
  }
  return nullptr;
}

}  // namespace lepus::simulation
