#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "storage/types.h"

namespace lepus::storage {

/// Dead ranges that begin at or above this position and below the next page's.
struct DeadPage {
  Position begin = 0;
  std::shared_ptr<const std::vector<PositionRange>> settled;  ///< null in a change: none any more

  [[nodiscard]] bool empty() const { return settled == nullptr; }
};

/// What of one sub-queue is dead.
struct DeadSubQueue {
  Priority priority = 0;
  Position floor = 0;                  ///< everything below
  std::vector<PositionRange> settled;  ///< and these; sorted, disjoint
  bool is_paged = false;               ///< instead of those:
  std::vector<DeadPage> pages;         ///< by their begins; published: those that have changed
};

/// What of one queue is dead. Immutable once published.
struct DeadQueue {
  bool deleted = false;                  ///< all of it
  std::vector<DeadSubQueue> sub_queues;  ///< by priority

  /// The sub-queue of a priority; null where nothing of it is dead.
  [[nodiscard]] const DeadSubQueue* find(Priority priority) const;
};

/// What a progress record says is dead; null if that is nothing.
[[nodiscard]] std::shared_ptr<const DeadQueue> dead_part_of(const QueueProgress& progress);

/// A queue that is deleted. One object for all of them.
[[nodiscard]] const std::shared_ptr<const DeadQueue>& deleted_queue();

/// The key up to which everything from this one on is dead; nothing if the key itself is alive.
[[nodiscard]] std::optional<MessageKey> dead_until(const DeadQueue& queue, const MessageKey& key);

/// Which rows may be dropped: only what a committed and synced batch (or the recovered state) has
/// declared dead is ever published here, and what is dead stays dead. A queue that is not in it is
/// alive: unknown is not deleted.
///
/// Concurrency: written by the committer, read by compactions and the reclaimer. A lock is held for
/// one look-up; readers then keep the immutable record of the queue whose keys pass by.
class DeadRows {
 public:
  /// From now on `find` answers; until then nothing is known to be dead, whatever was published.
  void begin_dropping() { dropping_.store(true, std::memory_order_release); }

  [[nodiscard]] bool dropping() const { return dropping_.load(std::memory_order_acquire); }

  /// Replaces what was published about the queue, but for the pages that are not named. A deleted
  /// queue stays deleted.
  void publish(QueueId queue, std::shared_ptr<const DeadQueue> dead);

  /// Raises one floor and leaves the rest. Costs no allocation from the second time on: records are
  /// made by those who look, which is rarer.
  void raise_floor(QueueId queue, Priority priority, Position floor);

  /// Null where nothing is known to be dead.
  [[nodiscard]] std::shared_ptr<const DeadQueue> find(QueueId queue) const;

  /// No row of the queue is left anywhere, so nobody will ask again.
  void forget(QueueId queue);

  /// Rises with every publication, so that the reclaimer knows whether to look again.
  [[nodiscard]] std::uint64_t change_count() const {
    return change_count_.load(std::memory_order_relaxed);
  }

 private:
  struct Entry {
    std::shared_ptr<const DeadQueue> dead;
    // What is in the record when somebody asks for it:
    std::vector<DeadSubQueue> raised;                       ///< floors
    std::vector<std::shared_ptr<const DeadQueue>> changes;  ///< with pages, the newest last
  };

  struct Shard {
    mutable std::mutex mutex;
    // Protected by mutex; a look-up completes the record that it finds:
    mutable boost::unordered_flat_map<std::uint64_t, Entry> queues;
  };

  static constexpr std::size_t shard_count = 64;

  static void apply_changes(Entry& entry);

  [[nodiscard]] std::shared_ptr<const DeadQueue> published(QueueId queue) const;

  Shard& shard_of(QueueId queue) { return shards_[value_of(queue) % shard_count]; }

  [[nodiscard]] const Shard& shard_of(QueueId queue) const {
    return shards_[value_of(queue) % shard_count];
  }

  std::atomic<bool> dropping_ = false;
  std::atomic<std::uint64_t> change_count_ = 0;
  std::array<Shard, shard_count> shards_;
};

}  // namespace lepus::storage
