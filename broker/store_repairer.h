#pragma once

#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/store_audit.h"
#include "broker/store_contents.h"
#include "storage/store_salvage.h"

namespace lepus {

/// Puts the records of a salvaged store in order, so that a broker can load them and the progress
/// records say what the rows say. Never makes up a message; where it is unknown whether one was
/// settled, it is there again.
class StoreRepairer {
 public:
  explicit StoreRepairer(storage::StoreSalvage& store) : store_(store) {}

  /// Does everything. Fails where the new store can't be written or read.
  Result<void> run();

  /// What was lost or changed, one line each. Empty: it was in order.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  void repair_topology();
  void add_missing_vhosts();
  void drop_unloadable();
  void add_missing_user();
  void repair_queues();
  void add_unnamed_queue(storage::QueueId id, const QueueAudit& audit);
  void repair_progress(storage::QueueId id, const QueueAudit& audit);
  void repair_meta();
  void put(storage::RecordFamily family, std::string_view key, std::string_view value);
  void erase(storage::RecordFamily family, std::string_view key);
  void put_progress(storage::QueueId id, const storage::QueueProgress& progress);
  void join_pages();
  void put_topology(std::string key, std::string value);
  void reload();

  storage::StoreSalvage& store_;
  StoreContents contents_;
  StoreAudit audit_;
  bool topology_was_damaged_ = false;
  bool progress_was_damaged_ = false;
  std::vector<std::string> lines_;
  Result<void> written_;  ///< the first failure
};

}  // namespace lepus
