#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/store_contents.h"

namespace lepus {

/// The rows of one sub-queue beside what its progress record says of them.
struct SubQueueAudit {
  storage::SubQueueProgress recorded;  ///< as empty as can be where there is no record
  std::uint64_t live_count = 0;        ///< rows that are not settled and can be decoded
  std::uint64_t live_bytes = 0;        ///< their bodies
  std::uint64_t dead_count = 0;        ///< settled ones that only wait to be dropped
  std::uint64_t beyond_count = 0;      ///< live ones that the record's next position is not above
  std::uint64_t missing_count = 0;     ///< that the record counts, and yet without a row
  bool has_expiring = false;           ///< some live message has an expiration
  std::vector<storage::PositionRange> live;  ///< positions of the live ones; sorted, disjoint
  std::vector<storage::Position> damaged;    ///< positions of rows that can't be decoded

  /// The record says what the rows say.
  [[nodiscard]] bool agrees() const {
    return missing_count == 0 && beyond_count == 0 && live_count == recorded.stored_count &&
           live_bytes == recorded.stored_bytes && damaged.empty();
  }
};

struct QueueAudit {
  bool in_topology = false;
  bool deleted = false;  ///< its rows only wait to be dropped, and are counted as dead
  bool has_progress = false;
  std::map<storage::Priority, SubQueueAudit> sub_queues;

  [[nodiscard]] std::uint64_t live_count() const;
  [[nodiscard]] std::uint64_t live_bytes() const;
};

/// Every queue that any record or row names, and every message row looked at.
struct StoreAudit {
  std::map<storage::QueueId, QueueAudit> queues;
  std::vector<std::string> foreign_keys;  ///< of message rows: those that are no message keys
  std::vector<std::string> damaged_rows;  ///< one line each, the first hundred
  std::uint64_t row_count = 0;
  bool complete = true;  ///< all rows could be read
  std::string fault;     ///< why not
};

/// Whether a record says that the message at a position is done with.
[[nodiscard]] bool is_settled(const storage::SubQueueProgress& progress,
                              storage::Position position);

/// Reads all messages of the store once.
[[nodiscard]] StoreAudit audit_rows(const storage::StoreInspection& store,
                                    const StoreContents& contents);

/// One line for each way in which the progress records and the rows contradict each other.
[[nodiscard]] std::vector<std::string> contradictions(const StoreAudit& audit,
                                                      const StoreContents& contents);

}  // namespace lepus
