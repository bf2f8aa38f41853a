#include "storage/progress_pages.h"

#include <algorithm>
#include <utility>

namespace lepus::storage {

namespace {

/// Nothing if the pages are as they must be.
std::optional<std::string> page_fault(const SubQueueProgress& sub_queue) {
  if (sub_queue.pages.size() != sub_queue.page_count) {
    return std::to_string(sub_queue.pages.size()) + " pages of priority " +
           std::to_string(sub_queue.priority) + ", not " + std::to_string(sub_queue.page_count);
  }
  Position settled_below = sub_queue.floor;
  Position returned_below = 0;
  for (const ProgressPage& page : sub_queue.pages) {
    const bool overlaps =
        (!page.settled.empty() && page.settled.front().begin < settled_below) ||
        (!page.returned.empty() && page.returned.front().positions.begin < returned_below);
    if (overlaps) {
      return "the page from " + std::to_string(page.begin) + " on of priority " +
             std::to_string(sub_queue.priority) + " overlaps the one before";
    }
    settled_below = page.settled.empty() ? settled_below : page.settled.back().end;
    returned_below = page.returned.empty() ? returned_below : page.returned.back().positions.end;
  }
  if (std::max(settled_below, returned_below) > sub_queue.next_position) {
    return "pages of priority " + std::to_string(sub_queue.priority) + " reach beyond " +
           std::to_string(sub_queue.next_position);
  }
  return std::nullopt;
}

/// What is settled stays settled, so that even a page that should not be there any more says
/// nothing wrong: the union is taken.
void join_settled(SubQueueProgress& sub_queue, std::vector<PositionRange> all) {
  std::ranges::sort(all, {}, &PositionRange::begin);
  std::vector<PositionRange> joined;
  for (const PositionRange& range : all) {
    if (range.begin <= sub_queue.floor) {
      sub_queue.floor = std::max(sub_queue.floor, range.end);
    } else if (!joined.empty() && range.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  // A position that was settled was given away, even if the record is too old to know.
  sub_queue.next_position =
      std::max(sub_queue.next_position, joined.empty() ? sub_queue.floor : joined.back().end);
  sub_queue.settled = std::move(joined);
}

void join_returned(SubQueueProgress& sub_queue, std::vector<ReturnedRange> all) {
  std::ranges::stable_sort(all, {},
                           [](const ReturnedRange& range) { return range.positions.begin; });
  std::vector<ReturnedRange> joined;
  for (ReturnedRange range : all) {
    if (!joined.empty()) {
      ReturnedRange& last = joined.back();
      if (range.positions.begin == last.positions.end &&
          range.delivery_count == last.delivery_count) {
        last.positions.end = range.positions.end;
        continue;
      }
      range.positions.begin = std::max(range.positions.begin, last.positions.end);
    }
    if (range.positions.begin < range.positions.end) {
      joined.push_back(range);
    }
  }
  sub_queue.returned = std::move(joined);
}

void take_pages_in(SubQueueProgress& sub_queue) {
  std::vector<PositionRange> settled = std::move(sub_queue.settled);
  std::vector<ReturnedRange> returned = std::move(sub_queue.returned);
  for (ProgressPage& page : sub_queue.pages) {
    settled.insert(settled.end(), page.settled.begin(), page.settled.end());
    returned.insert(returned.end(), page.returned.begin(), page.returned.end());
    page = {.begin = page.begin};
  }
  join_settled(sub_queue, std::move(settled));
  join_returned(sub_queue, std::move(returned));
  sub_queue.page_count = 0;
}

}  // namespace

std::optional<std::string> page_fault(const QueueProgress& progress) {
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    if (auto fault = page_fault(sub_queue)) {
      return fault;
    }
  }
  return std::nullopt;
}

QueueProgress without_pages(QueueProgress progress) {
  for (SubQueueProgress& sub_queue : progress.sub_queues) {
    if (!sub_queue.pages.empty() || sub_queue.page_count != 0) {
      take_pages_in(sub_queue);
    }
  }
  return progress;
}

}  // namespace lepus::storage
