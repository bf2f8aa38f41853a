#pragma once

#include <map>
#include <vector>

#include "broker/model/changed_pages.h"
#include "broker/model/ids.h"

namespace lepus::model {

/// A set of positions that fills up from below: everything under the floor, and ranges above it.
/// Settling in order only moves the floor.
class PositionSet {
 public:
  PositionSet() = default;
  PositionSet(Position floor, const std::vector<storage::PositionRange>& ranges);

  /// Every position below is in the set, the floor itself is not.
  [[nodiscard]] Position floor() const { return floor_; }

  [[nodiscard]] bool contains(Position position) const {
    return position < floor_ || (!ranges_.empty() && range_contains(position));
  }

  void add(Position position) {
    if (position == floor_ && ranges_.empty()) [[likely]] {
      ++floor_;
    } else {
      add_range({position, position + 1});
    }
  }

  void add_range(storage::PositionRange added);

  /// The ranges above the floor: sorted, disjoint, not touching each other or the floor.
  [[nodiscard]] std::vector<storage::PositionRange> ranges() const;

  /// Those of them that begin within these positions.
  [[nodiscard]] std::vector<storage::PositionRange> ranges_that_begin_in(
      storage::PositionRange positions) const;

  /// From now on the begins of ranges that come, go or get another end are noted here.
  /// Null: no longer.
  void note_changes_in(ChangedPages* changes) { changes_ = changes; }

  [[nodiscard]] std::size_t range_count() const { return ranges_.size(); }

 private:
  [[nodiscard]] bool range_contains(Position position) const;

  void note_change(Position begin) {
    if (changes_ != nullptr) [[unlikely]] {
      changes_->note(begin);
    }
  }

  Position floor_ = 0;
  std::map<Position, Position> ranges_;  // begin → end
  ChangedPages* changes_ = nullptr;
};

}  // namespace lepus::model
