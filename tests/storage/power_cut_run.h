#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/rocksdb_backend.h"
#include "tests/simulation/random.h"
#include "tests/storage/simulated_environment.h"
#include "tests/storage/store_model.h"

namespace lepus::storage {

/// What is done wrong, to show that the checks notice.
enum class StoreMutation {
  none,
  drops_before_sync,   ///< the filter hears of what is dead before the commit that says so
  unknown_is_deleted,  ///< a start drops the rows of queues whose records it has not loaded
  does_not_sync,       ///< writes are left to the operating system
  skips_positions,     ///< some rows are not written
  splits_units,        ///< what belongs together is committed one after the other
  forgets_deleted,     ///< deleted ids are not remembered
  keeps_pages,         ///< pages of a progress record that are empty now are not erased
};

struct PowerCutOptions {
  std::uint64_t seed = 1;
  StoreMutation mutation = StoreMutation::none;
  bool verbose = false;
};

struct PowerCutResult {
  std::string violation;  ///< empty: all was as it must be
  std::uint64_t starts = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t commits = 0;
  std::uint64_t unknown_commits = 0;
  std::uint64_t rows_checked = 0;
  std::uint64_t pages_written = 0;  ///< of progress records
  std::uint64_t fingerprint = 0;    ///< equal for equal runs
};

/// One store on a simulated disk, used, broken off and opened again as the seed decides, and
/// compared with a model of what it must hold.
class PowerCutRun {
 public:
  explicit PowerCutRun(const PowerCutOptions& options);
  ~PowerCutRun();
  PowerCutRun(const PowerCutRun&) = delete;
  PowerCutRun& operator=(const PowerCutRun&) = delete;

  [[nodiscard]] PowerCutResult run();

 private:
  struct Unit {
    AppendUnit append;
    std::set<QueueId> touched;  ///< their records are to be written
  };

  enum class CleanStop { no, yes, either };

  // ---- a run's life (power_cut_run.cc)
  void start();
  [[nodiscard]] bool open();
  void verify_recovered(const Recovered& recovered);
  void operate();
  void stop();
  void close();
  void cut();
  void check_nothing_is_left();
  void run_jobs();
  void maintain();
  void arm_some_fault();
  void end_faults();
  void misread_everything();

  // ---- commits (power_cut_commits.cc)
  void commit();
  void commit(ModelState next, std::vector<Unit> units);
  [[nodiscard]] Outcome commit(std::vector<AppendUnit> units);
  void forget_new_transient_rows(ModelState& next) const;
  void change(ModelState& next, Unit& unit);
  void declare(ModelState& next, Unit& unit);
  void remove(ModelState& next, Unit& unit, QueueId queue);
  void publish(ModelState& next, Unit& unit, QueueId queue);
  void settle(ModelState& next, Unit& unit, QueueId queue);
  void return_some(ModelState& next, Unit& unit, QueueId queue);
  void settle_transient(ModelState& next, Unit& unit, QueueId queue);
  void change_topology(ModelState& next, Unit& unit);
  void seal(ModelState& next, Unit& unit);
  [[nodiscard]] Batch& batch(Unit& unit, LogId log);
  [[nodiscard]] Batch& batch(Unit& unit, QueueId queue);
  void misbehave_before(const std::vector<AppendUnit>& units);
  void misbehave_after();

  // ---- checks (power_cut_checks.cc)
  void check_rows();
  void check_sub_queue(QueueId queue, Priority priority, const ModelState::SubQueue& state);
  void check_dead_rows();

  void fail(std::string what);

  [[nodiscard]] bool ok() const { return result_.violation.empty(); }

  [[nodiscard]] bool has_trouble() const;

  [[nodiscard]] bool has(StoreMutation mutation) const { return options_.mutation == mutation; }

  void trace(const std::string& line) const;

  const PowerCutOptions options_;
  simulation::Random random_;
  SimulatedEnvironment environment_;
  SimulatedFileSystem& disk_;
  StoreOptions store_options_;
  std::size_t page_ranges_max_ = 0;
  Position page_positions_ = 0;  ///< 0: all sets are in the records
  std::shared_ptr<RocksdbBackend> backend_;
  /// What the store holds is one of these: the last that was committed, or, after it, one whose
  /// outcome is unknown.
  std::vector<ModelState> states_{1};
  CleanStop clean_stop_ = CleanStop::no;
  std::map<LogId, BatchNumber> numbers_;
  std::uint64_t next_queue_id_ = 1;  ///< the next to be given away
  ModelState::RowNumber last_row_ = 0;
  ModelState::RowNumber last_row_before_ = 0;  ///< the commit that is being made
  bool transient_rows_failed_ = false;         ///< of the commit that was made last
  std::uint64_t faults_before_ = 0;  ///< those that struck in this run before the one armed now
  PowerCutResult result_;
};

[[nodiscard]] PowerCutResult run_power_cuts(const PowerCutOptions& options);

}  // namespace lepus::storage
