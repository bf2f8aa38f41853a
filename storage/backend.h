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
};

/// Where a store keeps its state, called synchronously: `commit` and `recovery_finished` by one
/// committer thread, `read` by any number of readers beside it, `new_batch` by anybody.
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
  /// batch of them needs that). One outcome for all: after `unknown` nothing more is written, and
  /// every later commit is unknown too.
  [[nodiscard]] virtual Outcome commit(std::span<AppendUnit> units) = 0;

  /// See Store::read. The visitor is called with no lock held.
  [[nodiscard]] virtual ReadOutcome read(const ReadRequest& request, const RowVisitor& visit) = 0;

  /// See StoreOperations::statistics. Any thread.
  [[nodiscard]] virtual StoreStatistics statistics() const { return {}; }

  /// See StoreOperations::backup; blocks until it is done. One at a time, any thread.
  [[nodiscard]] virtual Result<void> backup(const std::filesystem::path& /*to*/) {
    return fail("a store in memory can't be backed up");
  }

  /// Notes the clean stop and lets go of all resources; the last call.
  virtual void close() = 0;
};

}  // namespace lepus::storage
