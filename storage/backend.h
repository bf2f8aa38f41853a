#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "storage/statistics.h"
#include "storage/store.h"

namespace lepus::storage {

/// What one Store::append() brought: all of it is committed or nothing.
struct AppendUnit {
  std::vector<NumberedBatch> batches;
  std::function<void(Outcome)> done;  ///< the caller of commit() calls it, never the backend

  /// A commit of it was unknown before: what of it is there already is not written again.
  bool is_again = false;

  /// Set by a commit that as a whole is not unknown.
  Outcome outcome = Outcome::committed;
};

/// Where a store keeps its state, called synchronously: `commit`, `recovery_finished` and what they
/// need to go on after a fault by one committer thread, `read` by any number of readers beside it,
/// `new_batch` and `health` by anybody.
/// ThreadedStore makes a Store of it; the simulator calls it from its only thread.
class Backend {
 public:
  virtual ~Backend() = default;

  /// See Store::take_recovered.
  [[nodiscard]] virtual Recovered take_recovered() = 0;

  /// See Store::recovery_finished. On the committer thread.
  virtual void recovery_finished(std::span<const QueueId> orphans) = 0;

  /// See Store::new_batch. The batch goes to a commit of this same backend.
  [[nodiscard]] virtual std::unique_ptr<Batch> new_batch() = 0;

  /// Commits all units, in their order, by one write, and returns when it is on the disk (unless no
  /// batch of them needs that). One outcome for all durable changes. After `unknown` it can't
  /// commit until resume() has succeeded, and then the same units come first again. Otherwise each
  /// unit has an outcome of its own, which is unknown where its transient rows could not be kept.
  [[nodiscard]] virtual Outcome commit(std::span<AppendUnit> units) = 0;

  /// False after a fault, until resume() has succeeded.
  [[nodiscard]] virtual bool can_commit() const { return true; }

  /// Something has failed that resume() may put right; to be called now and, while it is of no use,
  /// after growing intervals.
  [[nodiscard]] virtual bool needs_resume() const { return false; }

  /// Tries to put right what has failed.
  virtual void resume() {}

  /// Called on any thread when needs_resume() has become true outside the committer's calls. Null:
  /// nobody is.
  virtual void set_waker(const std::function<void()>& /*waker*/) {}

  /// See Store::health.
  [[nodiscard]] virtual StoreHealth health() const { return {}; }

  /// See Store::read. The visitor is called with no lock held.
  [[nodiscard]] virtual ReadOutcome read(const ReadRequest& request, const RowVisitor& visit) = 0;

  /// See StoreOperations::statistics. Any thread.
  [[nodiscard]] virtual StoreStatistics statistics() const { return {}; }

  /// See StoreOperations::backup; blocks until it is done. One at a time, any thread.
  [[nodiscard]] virtual Result<void> backup(const std::filesystem::path& /*to*/) {
    return fail("a store in memory can't be backed up");
  }

  /// Notes the clean stop if it is one, and lets go of all resources; the last call.
  /// @param everything_committed  see Store::close
  virtual void close(bool everything_committed) = 0;
};

}  // namespace lepus::storage
