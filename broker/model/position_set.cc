#include "broker/model/position_set.h"

#include <algorithm>

namespace lepus::model {

PositionSet::PositionSet(Position floor, const std::vector<storage::PositionRange>& ranges)
    : floor_(floor) {
  for (const auto& range : ranges) {
    add_range(range);
  }
}

bool PositionSet::range_contains(Position position) const {
  auto after = ranges_.upper_bound(position);
  return after != ranges_.begin() && position < std::prev(after)->second;
}

void PositionSet::add_range(storage::PositionRange added) {
  added.begin = std::max(added.begin, floor_);
  if (added.begin >= added.end) {
    return;
  }
  auto next = ranges_.upper_bound(added.begin);
  if (next != ranges_.begin() && std::prev(next)->second >= added.begin) {
    --next;
    added.begin = next->first;
  }
  while (next != ranges_.end() && next->first <= added.end) {
    added.end = std::max(added.end, next->second);
    note_change(next->first);
    next = ranges_.erase(next);
  }
  if (added.begin == floor_) {
    floor_ = added.end;
  } else {
    note_change(added.begin);
    ranges_.emplace_hint(next, added.begin, added.end);
  }
}

std::vector<storage::PositionRange> PositionSet::ranges() const {
  std::vector<storage::PositionRange> result;
  result.reserve(ranges_.size());
  for (const auto& [begin, end] : ranges_) {
    result.push_back({begin, end});
  }
  return result;
}

std::vector<storage::PositionRange> PositionSet::ranges_that_begin_in(
    storage::PositionRange positions) const {
  std::vector<storage::PositionRange> result;
  for (auto range = ranges_.lower_bound(positions.begin);
       range != ranges_.end() && range->first < positions.end; ++range) {
    result.push_back({range->first, range->second});
  }
  return result;
}

}  // namespace lepus::model
