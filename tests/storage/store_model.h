#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/container/flat_map.hpp>

#include "storage/store.h"

namespace lepus::storage {

/// What a store must hold, as a broker would have it: a plain picture that the power cut test keeps
/// beside the real one. Rows are known by a number that is never used twice, so that a row that
/// comes back from the dead is told from the one that took its position.
struct ModelState {
  using RowNumber = std::uint64_t;

  using Rows = boost::container::flat_map<Position, RowNumber>;

  struct SubQueue {
    Position next_position = 0;
    Rows stored;     ///< durable and not settled
    Rows transient;  ///< in the store until the next start
    boost::container::flat_map<Position, std::uint32_t> returned;
    Position delivered_below = 0;
    bool had_consumer = false;
  };

  struct Queue {
    std::map<Priority, SubQueue> sub_queues;
    QueueProgress record;  ///< as it was written last
  };

  std::map<QueueId, Queue> queues;
  std::map<std::string, std::string> topology;
  std::map<LogId, BatchNumber> numbers;  ///< as they were written last
  std::uint64_t next_queue_id = 1;
  std::set<QueueId> maybe_orphans;  ///< without topology: a start may have deleted them
};

/// The payload of a row: its number and a filling that shows whether it is whole.
[[nodiscard]] std::string make_payload(ModelState::RowNumber number);
[[nodiscard]] std::size_t payload_bytes_of(ModelState::RowNumber number);

/// The record that a broker writes for the queue, with all its pages: sets of more than so many
/// ranges are in pages of so many positions (0: never).
[[nodiscard]] QueueProgress progress_of(const ModelState::Queue& queue, std::size_t ranges_max,
                                        Position page_positions);

/// The record as it is written after another one: only with the pages that are not as they were.
[[nodiscard]] QueueProgress change_of(const QueueProgress& before, QueueProgress after);

/// The topology record of a queue.
[[nodiscard]] std::string topology_key_of(QueueId queue);

/// The queues that a start finds without a topology record.
[[nodiscard]] std::vector<QueueId> orphans_of(const Recovered& recovered);

/// What of it a start finds again: no transient rows, positions as recorded.
[[nodiscard]] ModelState after_restart(ModelState state);

/// Where the recovered state is not that one; empty if it is. (The clean stop is not looked at.)
[[nodiscard]] std::string difference(const ModelState& expected, const Recovered& recovered);

/// Whether a row may be in the store; otherwise what is wrong with it.
[[nodiscard]] std::string check_row(const ModelState& state, const MessageKey& key, bool transient,
                                    std::string_view payload);

}  // namespace lepus::storage
