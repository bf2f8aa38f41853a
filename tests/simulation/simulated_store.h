#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "storage/memory_batch.h"
#include "storage/store.h"
#include "tests/simulation/simulated_disk.h"

namespace lepus::simulation {

/// What a broken store does, to show that the checker notices.
enum class StoreFault {
  none,
  forgets_rows,      ///< one batch with messages is numbered and answered, but not kept
  forgets_progress,  ///< batches of progress records alone are not kept
  answers_early,     ///< answers before anything is durable
  splits_units,      ///< of what is written in a crash a part may be kept
  hides_faults,      ///< says that it has committed what may be lost
};

/// What may happen to a read. The next attempt may succeed.
enum class ReadFault {
  error,   ///< the store says that it has failed
  damage,  ///< one row is not what was written
};

/// What a failed read says.
inline constexpr const char* read_error = "a simulated fault of a read";

/// A Store over the backend of a simulated disk, without threads: what is appended or read waits
/// until the scheduler lets it go on. A commit has two steps, being durable and being answered, and
/// a crash may come between them.
class SimulatedStore final : public storage::Store {
 public:
  using QueueChanges = std::span<const storage::MemoryBatch::QueueChange>;

  /// Hears of each batch: when it is begun (which gives it a moment), and when it is durable.
  struct Observer {
    std::function<std::uint64_t()> moment;
    std::function<void(QueueChanges, std::uint64_t sealed_at)> durable;
    std::function<void()> failed;  ///< a commit's outcome is unknown
  };

  SimulatedStore(SimulatedDisk& disk, Observer observer, StoreFault fault)
      : disk_(disk), observer_(std::move(observer)), fault_(fault) {}

  /// While a broker starts it waits inside a call, so its appends are answered inside theirs.
  void answer_at_once(bool at_once) { at_once_ = at_once; }

  [[nodiscard]] std::size_t waiting_units() const { return again_.size() + waiting_.size(); }

  /// It can't commit before it is resumed; what is appended waits.
  [[nodiscard]] bool has_failed() const { return !disk_.backend().can_commit(); }

  /// Tries to put that right.
  void resume();

  /// A unit waits that changes several logs, which must not be kept in part.
  [[nodiscard]] bool has_joint_unit() const;

  [[nodiscard]] std::size_t unanswered_units() const { return answers_.size(); }

  [[nodiscard]] std::size_t waiting_reads() const { return reads_.size(); }

  /// The first units become durable by one write, or it fails. Those of a failed write come first,
  /// again and together.
  void commit(std::size_t units);
  /// The first durable unit is answered.
  void answer();
  /// The read at that place among those that wait is done, up to so many rows.
  void read_one(std::size_t index, std::size_t rows_max);
  /// It fails after so many rows, or brings a damaged one behind them.
  void fail_read(std::size_t index, std::size_t rows, ReadFault fault);
  /// The first units become durable, the others are lost, and none is answered any more. The power
  /// may go while some of the others are written, which then are there, all of them, or not.
  void crash(std::size_t durable_units, Random& random);

  [[nodiscard]] storage::Recovered take_recovered() override {
    return disk_.backend().take_recovered();
  }

  void recovery_finished(std::span<const storage::QueueId> orphans) override {
    disk_.recovery_finished(orphans);
  }

  [[nodiscard]] std::unique_ptr<storage::Batch> new_batch() override;

  void append(std::vector<storage::NumberedBatch> batches,
              std::function<void(storage::Outcome)> done) override;
  void read(storage::ReadRequest request, storage::RowVisitor visit,
            std::function<void(storage::ReadOutcome)> done) override;
  void close(bool everything_committed) override;

 private:
  struct Read {
    storage::ReadRequest request;
    storage::RowVisitor visit;
    std::function<void(storage::ReadOutcome)> done;
  };

  /// What a batch of a unit under way changes.
  struct Sealed {
    std::vector<storage::MemoryBatch::QueueChange> queues;
    std::uint64_t at = 0;
  };

  [[nodiscard]] Read take_read(std::size_t index);
  [[nodiscard]] storage::Outcome write(std::vector<storage::AppendUnit>& units);
  void break_batches(storage::AppendUnit& unit);
  [[nodiscard]] std::vector<storage::AppendUnit> take(std::size_t units);
  void note_sealed(const std::vector<storage::AppendUnit>& units);
  void answer_unknown(std::vector<storage::AppendUnit>& units);
  void say(storage::AppendUnit& unit, storage::Outcome outcome);
  void write_a_part();

  SimulatedDisk& disk_;
  Observer observer_;
  StoreFault fault_;
  bool at_once_ = false;
  bool crashed_ = false;
  bool has_forgotten_ = false;
  bool has_pages_ = false;  ///< so that nothing is forgotten any more
  std::map<const storage::Batch*, std::uint64_t> sealed_at_;  ///< of those that are not durable
  std::deque<storage::AppendUnit> waiting_;
  std::vector<storage::AppendUnit> again_;  ///< of a failed write
  std::vector<Sealed> sealed_;              ///< of the write under way, or that has failed
  std::deque<std::function<void()>> answers_;
  std::deque<Read> reads_;
};

}  // namespace lepus::simulation
