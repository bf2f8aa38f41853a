#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/model/ids.h"

namespace lepus::model {

/// Which pages of so many positions have changed. As many changes as there may be before a record
/// is sealed, it holds a page once.
class ChangedPages {
 public:
  explicit ChangedPages(std::uint64_t page_positions) : page_positions_(page_positions) {}

  /// The first position of the page in which it lies.
  [[nodiscard]] Position page_of(Position position) const {
    return position - position % page_positions_;
  }

  [[nodiscard]] std::uint64_t page_positions() const { return page_positions_; }

  void note(Position position) { pages_.insert(page_of(position)); }

  /// By their first positions; none are left.
  [[nodiscard]] std::set<Position> take() {
    std::set<Position> pages{pages_.begin(), pages_.end()};
    pages_.clear();
    return pages;
  }

 private:
  const std::uint64_t page_positions_;
  boost::unordered_flat_set<Position> pages_;
};

}  // namespace lepus::model
