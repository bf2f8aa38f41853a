#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "broker/model/changed_pages.h"
#include "broker/model/delivery_counts.h"
#include "broker/model/position_set.h"
#include "storage/types.h"

namespace lepus::model {

/// The sets of one sub-queue in pages: which are stored, and which have changed since. Exists only
/// while they are large, or have been in the store's last record. While it exists the sets tell it
/// of their changes, so that sealing costs what has changed and not what there is.
class ProgressPages {
 public:
  ProgressPages(PositionSet& settled, DeliveryCounts& counts, std::uint64_t page_positions)
      : settled_(settled), counts_(counts), changes_(page_positions) {}

  ~ProgressPages() { note_changes(false); }

  ProgressPages(const ProgressPages&) = delete;
  ProgressPages& operator=(const ProgressPages&) = delete;

  /// The store has these pages, and nothing has changed since. The sets hold what is in them unless
  /// they were emptied.
  void restore(const std::vector<storage::ProgressPage>& pages);

  /// Puts the pages that have changed into the record, which is to be written.
  void seal(storage::SubQueueProgress& progress);

  /// Puts into the record that no page is there any more; the sets are small and in the record.
  void seal_end(storage::SubQueueProgress& progress) const;

 private:
  [[nodiscard]] bool has_our_size(const storage::ProgressPage& page) const;
  [[nodiscard]] storage::ProgressPage page_from(Position begin) const;
  [[nodiscard]] std::set<Position> take_changed_pages();
  void note_changes(bool noting);

  PositionSet& settled_;
  DeliveryCounts& counts_;
  std::set<Position> stored_;  // first positions of the pages in the store
  ChangedPages changes_;
  bool all_changed_ = true;  // nothing was noted so far
};

}  // namespace lepus::model
