#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/model/message.h"
#include "broker/model/topology.h"
#include "storage/store.h"

namespace lepus {

/// Writes to the store of a stopped broker as the broker would, without one: its topology, and
/// messages to the ends of its durable queues. One thread.
class StoreWriter {
 public:
  /// Opens or creates the store. The error is one line.
  [[nodiscard]] static Result<std::unique_ptr<StoreWriter>> open(
      const std::filesystem::path& data_directory);

  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// The store had no topology, so that it was given the default vhost and user.
  [[nodiscard]] bool was_new() const { return was_new_; }

  [[nodiscard]] model::Topology& topology() { return *topology_; }

  /// Puts a message behind all others of its priority in the queue. If it counts as redelivered,
  /// so does what is before it.
  Result<void> put(const model::QueueRecord& queue, const model::MessagePtr& message,
                   bool redelivered, std::uint32_t delivery_count = 0);

  /// Puts a message where the exchange keeps what it delays, or fails if that can take no more.
  /// @param due_ms  since 1970-01-01 UTC; later if that is over for the exchange
  Result<void> put_delayed(const model::QueueRecord& delay_queue, const model::MessagePtr& message,
                           std::int64_t due_ms);

  /// Commits what was put and done to the topology.
  Result<void> commit();

  /// Commits and closes as a clean stop does; the last call.
  Result<void> close();

 private:
  StoreWriter() = default;

  struct QueueState {
    storage::LogId log = 0;
    bool changed = false;
    storage::QueueProgress progress;
  };

  void restore(storage::Recovered recovered);
  storage::SubQueueProgress& sub_queue_of(QueueState& queue, storage::Priority priority);
  storage::Batch& batch_of(storage::LogId log);
  Result<void> put_row(const model::QueueRecord& queue, storage::SubQueueProgress& sub_queue,
                       storage::Position position, const model::MessagePtr& message);

  struct StoppedClock final : Clock {
    [[nodiscard]] std::int64_t steady_ms() const override { return 0; }

    [[nodiscard]] std::int64_t wall_ms() const override { return 0; }
  };

  StoppedClock clock_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<model::Topology> topology_;
  bool was_new_ = false;
  std::map<storage::LogId, storage::BatchNumber> last_numbers_;
  std::map<storage::QueueId, QueueState> queues_;
  std::map<storage::LogId, std::unique_ptr<storage::Batch>> batches_;  ///< to be committed
  std::size_t waiting_bytes_ = 0;
};

}  // namespace lepus
