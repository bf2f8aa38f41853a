#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "broker/model/changed_pages.h"
#include "broker/model/ids.h"

namespace lepus::model {

/// How often messages were given back. Most never were, and are not in it.
class DeliveryCounts {
 public:
  DeliveryCounts() = default;

  explicit DeliveryCounts(const std::vector<storage::ReturnedRange>& ranges) { add(ranges); }

  /// Ranges that lie behind all that is in it.
  void add(const std::vector<storage::ReturnedRange>& ranges);

  [[nodiscard]] bool empty() const { return counts_.empty(); }

  /// Of messages.
  [[nodiscard]] std::size_t size() const { return counts_.size(); }

  [[nodiscard]] std::uint32_t of(Position position) const {
    if (counts_.empty()) [[likely]] {
      return 0;
    }
    const auto found = counts_.find(position);
    return found == counts_.end() ? 0 : found->second;
  }

  void set(Position position, std::uint32_t count) {
    counts_[position] = count;
    note_change(position);
  }

  void erase(Position position) {
    if (!counts_.empty() && counts_.erase(position) != 0) [[unlikely]] {
      note_change(position);
    }
  }

  void erase(storage::PositionRange positions);

  /// Keeps those for which it is true.
  template <typename Predicate>
  void keep_if(const Predicate& predicate) {
    std::erase_if(counts_, [&](const auto& counted) {
      const bool is_kept = predicate(counted.first);
      if (!is_kept) {
        note_change(counted.first);
      }
      return !is_kept;
    });
  }

  template <typename Visit>
  void for_each_position(const Visit& visit) const {
    for (const auto& [position, count] : counts_) {
      visit(position);
    }
  }

  /// What is within these positions, as few ranges as can be.
  [[nodiscard]] std::vector<storage::ReturnedRange> ranges(
      storage::PositionRange positions = {0, std::numeric_limits<Position>::max()}) const;

  /// From now on positions whose count comes, goes or changes are noted here. Null: no
  /// longer.
  void note_changes_in(ChangedPages* changes) { changes_ = changes; }

 private:
  void note_change(Position position) {
    if (changes_ != nullptr) [[unlikely]] {
      changes_->note(position);
    }
  }

  std::map<Position, std::uint32_t> counts_;
  ChangedPages* changes_ = nullptr;
};

}  // namespace lepus::model
