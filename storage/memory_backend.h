#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/backend.h"
#include "storage/memory_batch.h"

namespace lepus::storage {

/// The state of a store in ordered maps, for tests, the simulator and `--store memory`. It outlives
/// the Store made over it: what was committed is found again after `reopen()`, which is how a test
/// crashes a broker.
///
/// Concurrency: every call from any thread; one mutex.
class MemoryBackend final : public Backend {
 public:
  [[nodiscard]] Recovered take_recovered() override;
  void recovery_finished(std::span<const QueueId> orphans) override;
  [[nodiscard]] std::unique_ptr<Batch> new_batch() override;

  /// Always committed. The batches stay as they were and may be looked at afterwards.
  [[nodiscard]] Outcome commit(std::span<AppendUnit> units) override;
  [[nodiscard]] ReadOutcome read(const ReadRequest& request, const RowVisitor& visit) override;
  void close(bool everything_committed) override;

  /// The next run begins over what was committed: transient rows are forgotten and `take_recovered`
  /// answers anew. The run before is a crash if it did not call `close()`. Nothing of the run
  /// before may still be calling.
  void reopen();

  /// Rows kept now, durable and transient. For tests and statistics.
  [[nodiscard]] std::size_t row_count() const;

 private:
  using Payload = std::shared_ptr<const std::string>;

  struct SubQueueRows {
    std::map<Position, Payload> durable;
    std::map<Position, Payload> transient;
  };

  using SubQueueKey = std::pair<QueueId, Priority>;

  struct ChunkRow {
    Position position = 0;
    bool transient = false;
    Payload payload;
  };

  void apply(LogId log, BatchNumber number, const MemoryBatch& batch);
  void apply_messages(const MemoryBatch& batch);
  void apply_queues(const MemoryBatch& batch);
  void put_progress(QueueId queue, QueueProgress progress);
  void drop_settled(QueueId queue, const QueueProgress& progress);
  void drop_queue(QueueId queue);
  static Position take_chunk(const SubQueueRows& rows, const ReadRequest& request,
                             std::vector<ChunkRow>& chunk);

  mutable std::mutex mutex_;
  // Protected by mutex_:
  std::map<SubQueueKey, SubQueueRows> rows_;
  std::map<QueueId, QueueProgress> progress_;
  std::map<std::string, std::string> topology_;
  std::map<LogId, BatchNumber> last_numbers_;
  std::uint64_t next_queue_id_ = 1;
  bool clean_stop_ = false;         ///< as the last run left it, until it is taken
  bool recovery_finished_ = false;  ///< nothing is dropped before
};

}  // namespace lepus::storage
