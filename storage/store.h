#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "storage/health.h"
#include "storage/types.h"

namespace lepus::storage {

/// What one commit changes in one log. Filled by one thread, immutable once appended. Every value
/// in it is decided beforehand (times, random names, ids), so that a second node could apply it and
/// reach the same state.
class Batch {
 public:
  virtual ~Batch() = default;

  /// A message row. The payload is the parts in a row; storage does not look into it.
  virtual void put_message(MessageKey key, std::span<const std::string_view> payload) = 0;

  /// A body that several rows of the same append have in common: stored once, and dropped when all
  /// its owners are settled. Its owners' rows are put by put_message_with_body, in whatever
  /// batches.
  /// @param owners  at least one; their first is the body's key
  virtual void put_body(std::span<const MessageKey> owners, std::string_view body) = 0;

  /// A message row whose payload goes on with the body of that key, which is part of the same
  /// append.
  virtual void put_message_with_body(MessageKey key, std::span<const std::string_view> payload,
                                     MessageKey body_key, std::string_view body) = 0;

  /// A transient message that left memory: kept beside the durable rows, forgotten at the next
  /// start.
  virtual void put_transient_message(MessageKey key, std::span<const std::string_view> payload) = 0;

  /// The queue's state as of this batch, replacing the record before it and the pages named in it;
  /// other pages stay as they are.
  virtual void put_progress(QueueId queue, const QueueProgress& progress) = 0;

  /// Transient rows of the sub-queue below this position are dead. Not persisted: it only lets the
  /// store drop them. (It may be above the floor of put_progress, since unacked messages are held
  /// in memory; and queues that are not durable have no such record.)
  virtual void note_transient_floor(QueueId queue, Priority priority, Position floor) = 0;

  /// The queue is gone: its progress record and pages are removed and its id is remembered as
  /// deleted until none of its rows is left.
  virtual void delete_queue(QueueId queue) = 0;

  /// A record of the topology (vhosts, exchanges, queues, bindings, users, …).
  virtual void put_topology(std::string_view key, std::string_view value) = 0;
  virtual void erase_topology(std::string_view key) = 0;

  /// Queue ids below this one may have been given away; the next start begins with it.
  virtual void reserve_queue_ids_below(std::uint64_t id) = 0;

  /// What the batch will write, about.
  [[nodiscard]] virtual std::size_t size_bytes() const = 0;

  /// False while only transient rows are in it, so that it needs no fsync.
  [[nodiscard]] virtual bool needs_sync() const = 0;
};

struct NumberedBatch {
  LogId log = 0;
  BatchNumber number = 0;
  std::unique_ptr<Batch> batch;

  /// Somebody waits for it who must not be told `unknown` while the store runs, as the topology's
  /// batches always are waited for: its unit is answered when it is certain how it ended.
  bool needs_certainty = false;
};

/// How a commit ended. Unknown: it may or may not be there after a restart; while the store runs it
/// appends the batches again as soon as it can, so that those that follow them find them there.
/// Fenced: somebody else owns the log.
enum class Outcome { committed, fenced, unknown };

struct ReadRequest {
  QueueId queue{};
  Priority priority = 0;
  PositionRange positions;   ///< where to read; the end may be open (max)
  std::size_t rows_max = 0;  ///< stop after so many rows …
  std::size_t bytes_max = 0;  ///< … or when so many bytes have been passed on (at least one row is)
};

/// One row as it is read; the payload is valid during the call only.
using RowVisitor = std::function<void(Position position, bool transient, std::string_view payload)>;

struct ReadOutcome {
  bool failed = false;         ///< a read fault: what was passed on is good, the rest can't be read
  std::string error;           ///< for the log, when it failed
  Position covered_below = 0;  ///< every row there is from positions.begin up to here was passed on
};

/// What a start finds. Only the newest record of each key.
struct Recovered {
  std::uint64_t next_queue_id = 1;
  std::map<LogId, BatchNumber> last_numbers;
  std::vector<std::pair<std::string, std::string>> topology;  ///< by key
  std::vector<std::pair<QueueId, QueueProgress>> progress;    ///< by id
  bool clean_stop = false;  ///< the last stop was one; see close()
};

/// The durable state of the broker: one ordered log of numbered batches for each partition, message
/// rows that can be read back, and what a restart needs. All calls may come from any thread;
/// callbacks come on the store's own threads and must only hand over.
class Store {
 public:
  virtual ~Store() = default;

  /// What the last run left; empties it. Called once, before anything else.
  [[nodiscard]] virtual Recovered take_recovered() = 0;

  /// The model has loaded what it recovered; ids of progress records that have no queue are named
  /// here and treated as deleted. From now on dead rows may be dropped.
  virtual void recovery_finished(std::span<const QueueId> orphans) = 0;

  [[nodiscard]] virtual std::unique_ptr<Batch> new_batch() = 0;

  /// Commits the batches together with whatever else is waiting: all of one call or none, and the
  /// calls in the order in which they came. `done` is called once, after the fsync that covers them
  /// or after a failure; where a batch is the topology's or needs certainty, only when it is
  /// certain how it ended, unless recovery has not finished or the store is closed.
  virtual void append(std::vector<NumberedBatch> batches, std::function<void(Outcome)> done) = 0;

  /// Reads committed rows of a sub-queue in order (durable and transient merged), on a thread of
  /// the store's: `visit` for each row, then `done`. Settled rows may still be among them;
  /// positions without a row are skipped.
  virtual void read(ReadRequest request, RowVisitor visit,
                    std::function<void(ReadOutcome)> done) = 0;

  /// How the store is now. While it is not good, publishers are to be held back.
  [[nodiscard]] virtual StoreHealth health() const { return {}; }

  /// Commits what was appended and closes. Nothing may be called after it.
  /// @param everything_committed  the caller had recovered and left nothing that it still had to
  ///     append: if all was committed, that is a clean stop and noted as one
  virtual void close(bool everything_committed) = 0;
};

}  // namespace lepus::storage
