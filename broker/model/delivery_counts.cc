#include "broker/model/delivery_counts.h"

namespace lepus::model {

void DeliveryCounts::add(const std::vector<storage::ReturnedRange>& ranges) {
  for (const auto& [positions, count] : ranges) {
    for (Position position = positions.begin; position < positions.end; ++position) {
      counts_.emplace_hint(counts_.end(), position, count);
    }
  }
}

void DeliveryCounts::erase(storage::PositionRange positions) {
  auto counted = counts_.lower_bound(positions.begin);
  while (counted != counts_.end() && counted->first < positions.end) {
    note_change(counted->first);
    counted = counts_.erase(counted);
  }
}

std::vector<storage::ReturnedRange> DeliveryCounts::ranges(storage::PositionRange positions) const {
  std::vector<storage::ReturnedRange> ranges;
  for (auto counted = counts_.lower_bound(positions.begin);
       counted != counts_.end() && counted->first < positions.end; ++counted) {
    const auto& [position, count] = *counted;
    if (!ranges.empty() && ranges.back().positions.end == position &&
        ranges.back().delivery_count == count) {
      ++ranges.back().positions.end;
    } else {
      ranges.push_back({{position, position + 1}, count});
    }
  }
  return ranges;
}

}  // namespace lepus::model
