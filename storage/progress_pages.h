#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/types.h"

/// Pages of progress records, as they are put together and taken apart again.
namespace lepus::storage {

/// Puts the changed pages in the place of those that were there; empty ones go. Both are by their
/// first positions.
template <typename Page>
void replace_pages(std::vector<Page>& pages, std::vector<Page> changed) {
  for (Page& page : changed) {
    const auto place = std::ranges::lower_bound(pages, page.begin, {}, &Page::begin);
    const bool is_there = place != pages.end() && place->begin == page.begin;
    if (page.empty()) {
      if (is_there) {
        pages.erase(place);
      }
    } else if (is_there) {
      *place = std::move(page);
    } else {
      pages.insert(place, std::move(page));
    }
  }
}

/// What is wrong with the pages that were found of a recovered record: they are not as many as it
/// counts, or they overlap.
[[nodiscard]] std::optional<std::string> page_fault(const QueueProgress& progress);

/// The same state with all sets in the record itself, whatever pages there are. They are named in
/// it as empty, so that they are erased where it is written.
[[nodiscard]] QueueProgress without_pages(QueueProgress progress);

}  // namespace lepus::storage
