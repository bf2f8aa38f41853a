#include "broker/model/progress_pages.h"

#include <algorithm>
#include <utility>

namespace lepus::model {

/// Whether the page lies as pages do now. Another version may have made longer or shorter ones.
bool ProgressPages::has_our_size(const storage::ProgressPage& page) const {
  const auto is_in_page = [&](Position position) {
    return changes_.page_of(position) == page.begin;
  };
  return is_in_page(page.begin) &&
         std::ranges::all_of(page.settled, is_in_page, &storage::PositionRange::begin) &&
         std::ranges::all_of(page.returned, [&](const storage::ReturnedRange& range) {
           return is_in_page(range.positions.begin) && is_in_page(range.positions.end - 1);
         });
}

void ProgressPages::restore(const std::vector<storage::ProgressPage>& pages) {
  for (const storage::ProgressPage& page : pages) {
    stored_.insert(page.begin);
  }
  all_changed_ =
      !std::ranges::all_of(pages, [this](const auto& page) { return has_our_size(page); });
  note_changes(!all_changed_);
}

void ProgressPages::note_changes(bool noting) {
  settled_.note_changes_in(noting ? &changes_ : nullptr);
  counts_.note_changes_in(noting ? &changes_ : nullptr);
}

storage::ProgressPage ProgressPages::page_from(Position begin) const {
  if (changes_.page_of(begin) != begin) {
    return {.begin = begin};  // of another size; what was in it is in ours
  }
  const storage::PositionRange positions{begin, begin + changes_.page_positions()};
  return {begin, settled_.ranges_that_begin_in(positions), counts_.ranges(positions)};
}

std::set<Position> ProgressPages::take_changed_pages() {
  if (all_changed_) {
    for (const storage::PositionRange& range : settled_.ranges()) {
      changes_.note(range.begin);
    }
    counts_.for_each_position([&](Position position) { changes_.note(position); });
  }
  std::set<Position> pages = changes_.take();
  if (std::exchange(all_changed_, false)) {
    pages.insert(stored_.begin(), stored_.end());  // also those of another size
    note_changes(true);
  }
  return pages;
}

void ProgressPages::seal(storage::SubQueueProgress& progress) {
  for (const Position begin : take_changed_pages()) {
    storage::ProgressPage page = page_from(begin);
    if (!page.empty()) {
      stored_.insert(begin);
    } else if (stored_.erase(begin) == 0) {
      continue;  // It came and went.
    }
    progress.pages.push_back(std::move(page));
  }
  progress.page_count = stored_.size();
}

void ProgressPages::seal_end(storage::SubQueueProgress& progress) const {
  for (const Position begin : stored_) {
    progress.pages.push_back({.begin = begin});
  }
}

}  // namespace lepus::model
