#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "storage/backend.h"
#include "storage/memory_backend.h"
#include "storage/memory_batch.h"
#include "tests/simulation/random.h"

namespace lepus::simulation {

/// Where a broker's store keeps its state.
enum class StoreKind {
  memory,   ///< a MemoryBackend, fast and obvious: the broker is what is tested
  rocksdb,  ///< the real store, on files that a power cut may take a part of
};

/// A backend, what it writes to, and what happens to that from run to run. The backend is called by
/// the simulation's only thread.
class SimulatedDisk {
 public:
  virtual ~SimulatedDisk() = default;

  /// Of this run.
  [[nodiscard]] virtual storage::Backend& backend() = 0;

  /// A batch for the backend of which content_of() can tell what is in it.
  [[nodiscard]] virtual std::unique_ptr<storage::Batch> new_batch() = 0;

  /// @param batch  one of new_batch()
  [[nodiscard]] virtual const storage::MemoryBatch& content_of(const storage::Batch& batch) = 0;

  /// What the backend commits of it.
  /// @param batch  one of new_batch()
  [[nodiscard]] virtual std::unique_ptr<storage::Batch> for_backend(
      std::unique_ptr<storage::Batch> batch) = 0;

  /// See Store::recovery_finished.
  virtual void recovery_finished(std::span<const storage::QueueId> orphans) = 0;

  /// The power may go, somewhere within the next few things the backend does.
  /// @return whether a commit is to be tried now
  [[nodiscard]] virtual bool power_off_soon(Random& random) = 0;

  /// The power goes within the next few things the backend does, unless stay_on() comes before.
  virtual void power_off_in_start(Random& random) = 0;
  virtual void stay_on() = 0;
  [[nodiscard]] virtual bool is_off() = 0;

  /// A write or a sync of one of the next commits fails, though its data may have reached the disk.
  virtual void fail_soon(Random& random) = 0;
  /// From now on writes succeed again.
  virtual void mend() = 0;

  /// What the backend has started in the background is done.
  virtual void finish_jobs() = 0;

  /// Now and then a flush, a compaction or a round of the reclaimer.
  virtual void maintain(Random& random) = 0;

  /// Closes the backend, see Store::close.
  virtual void close(bool everything_committed) = 0;

  /// After close() or a crash: the next run begins over what is left.
  /// @return what is wrong, if that fails
  [[nodiscard]] virtual std::optional<std::string> restart(Random& random) = 0;
};

/// @param syncs  false: the store leaves its writes to the operating system, which is wrong
[[nodiscard]] std::unique_ptr<SimulatedDisk> make_simulated_disk(StoreKind kind, std::uint64_t seed,
                                                                 bool syncs);

}  // namespace lepus::simulation
