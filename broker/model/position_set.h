#pragma once

#include <map>
#include <vector>

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

  [[nodiscard]] std::size_t range_count() const { return ranges_.size(); }

 private:
  [[nodiscard]] bool range_contains(Position position) const;

  Position floor_ = 0;
  std::map<Position, Position> ranges_;  // begin → end
};

}  // namespace lepus::model
