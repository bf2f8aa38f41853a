#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "broker/model/topology.h"
#include "storage/store.h"

namespace lepus::model {

/// The topology's log: numbers batches, appends them and remembers how they ended. append() is
/// called by one thread at a time (under the topology's lock), so that the log has the order of the
/// changes; the rest may be called by any thread.
class TopologyLog {
 public:
  explicit TopologyLog(storage::Store& store);

  /// Numbers go on after what was recovered. Before the first append().
  void continue_after(storage::BatchNumber last_number);
  void set_listener(TopologyListener* listener);

  [[nodiscard]] std::unique_ptr<storage::Batch> new_batch();

  /// @param done  called as well, on a thread of the store's; may be empty
  TopologyTicket append(std::unique_ptr<storage::Batch> batch,
                        std::function<void(storage::Outcome)> done = {});

  [[nodiscard]] TopologyTicket committed() const;
  [[nodiscard]] std::optional<storage::Outcome> outcome_of(TopologyTicket ticket) const;

 private:
  /// What the store's callbacks write; they may come after the topology is gone.
  struct Progress {
    std::atomic<TopologyTicket> committed{0};
    std::atomic<TopologyTicket> answered{0};
    std::atomic<storage::Outcome> last_failure{storage::Outcome::unknown};
    std::atomic<TopologyListener*> listener{nullptr};

    void finished(TopologyTicket number, storage::Outcome outcome);
  };

  storage::Store& store_;
  storage::BatchNumber last_number_ = 0;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
};

/// Hands out queue ids from blocks that were reserved by a committed write, so that none is ever
/// given twice. take() is called under the topology's lock.
class QueueIds {
 public:
  explicit QueueIds(TopologyLog& log);

  /// Adds the first reservation to a batch that is to be committed before take() is called.
  void begin(std::uint64_t next_id, storage::Batch& batch);
  /// That batch was committed.
  void begin_committed();

  /// The next id; nothing while the store has not committed the next block in time. Reserves
  /// further blocks ahead.
  std::optional<QueueId> take();

 private:
  void reserve_ahead();

  TopologyLog& log_;
  std::uint64_t next_ = 1;
  std::uint64_t requested_below_ = 1;
  /// Written by the store's callbacks.
  std::shared_ptr<std::atomic<std::uint64_t>> committed_below_;
  std::shared_ptr<std::atomic<bool>> request_under_way_;
};

}  // namespace lepus::model
