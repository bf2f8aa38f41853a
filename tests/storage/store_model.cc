#include "tests/storage/store_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace lepus::storage {

namespace {

std::uint64_t mix(std::uint64_t number) {
  number ^= number >> 31;
  number *= 0x9e3779b97f4a7c15;
  return number ^ (number >> 29);
}

SubQueueProgress progress_of(Priority priority, const ModelState::SubQueue& state) {
  SubQueueProgress progress;
  progress.priority = priority;
  progress.next_position = state.next_position;
  progress.floor = state.stored.empty() ? state.next_position : state.stored.begin()->first;
  progress.delivered_below = state.delivered_below;
  progress.had_consumer = state.had_consumer;
  Position covered = progress.floor;
  for (const auto& [position, number] : state.stored) {
    if (position > covered) {
      progress.settled.push_back({covered, position});
    }
    covered = position + 1;
    progress.stored_count += 1;
    progress.stored_bytes += payload_bytes_of(number);
  }
  if (covered < state.next_position && !state.stored.empty()) {
    progress.settled.push_back({covered, state.next_position});
  }
  for (const auto& [position, count] : state.returned) {
    ReturnedRange* last = progress.returned.empty() ? nullptr : &progress.returned.back();
    if (last != nullptr && last->positions.end == position && last->delivery_count == count) {
      last->positions.end += 1;
    } else {
      progress.returned.push_back({{position, position + 1}, count});
    }
  }
  return progress;
}

void put_into_pages(SubQueueProgress& progress, Position page_positions) {
  std::map<Position, ProgressPage> pages;
  const auto page_of = [&](Position position) -> ProgressPage& {
    const Position begin = position - position % page_positions;
    pages[begin].begin = begin;
    return pages[begin];
  };
  for (const PositionRange& range : progress.settled) {
    page_of(range.begin).settled.push_back(range);
  }
  for (const ReturnedRange& range : progress.returned) {
    page_of(range.positions.begin).returned.push_back(range);
  }
  progress.settled.clear();
  progress.returned.clear();
  progress.page_count = pages.size();
  for (auto& [begin, page] : pages) {
    progress.pages.push_back(std::move(page));
  }
}

std::string text_of(const std::map<LogId, BatchNumber>& numbers) {
  std::string text;
  for (const auto& [log, number] : numbers) {
    text += fmt::format(" {}:{}", log, number);
  }
  return text;
}

std::string topology_difference(const ModelState& expected, const Recovered& recovered) {
  const std::map<std::string, std::string> found(recovered.topology.begin(),
                                                 recovered.topology.end());
  for (const auto& [key, value] : expected.topology) {
    const auto place = found.find(key);
    if (place == found.end()) {
      return "the topology record " + key + " is lost";
    }
    if (place->second != value) {
      return "the topology record " + key + " is not the last one";
    }
  }
  for (const auto& [key, value] : found) {
    if (!expected.topology.contains(key)) {
      return "the topology record " + key + " came back";
    }
  }
  return "";
}

std::string progress_difference(const ModelState& expected, const Recovered& recovered) {
  const std::map<QueueId, QueueProgress> found(recovered.progress.begin(),
                                               recovered.progress.end());
  for (const auto& [id, queue] : expected.queues) {
    const auto place = found.find(id);
    if (place == found.end()) {
      return fmt::format("the record of queue {} is lost", value_of(id));
    }
    if (place->second != queue.record) {
      return fmt::format("the record of queue {} is not the last one", value_of(id));
    }
  }
  for (const auto& [id, record] : found) {
    if (!expected.queues.contains(id) && !expected.maybe_orphans.contains(id)) {
      return fmt::format("queue {} came back", value_of(id));
    }
  }
  return "";
}

}  // namespace

std::size_t payload_bytes_of(ModelState::RowNumber number) {
  const std::uint64_t random = mix(number);
  constexpr std::size_t number_bytes = sizeof(number);
  // Most are small, and some take several blocks of a log.
  const std::size_t filling = random % 50 == 0  ? mix(random) % 100'000
                              : random % 7 == 0 ? mix(random) % 5'000
                                                : mix(random) % 200;
  return number_bytes + filling;
}

std::string make_payload(ModelState::RowNumber number) {
  std::string payload(payload_bytes_of(number), static_cast<char>('a' + number % 26));
  for (std::size_t byte = 0; byte < sizeof(number); ++byte) {
    payload[byte] = static_cast<char>(number >> (8 * byte));
  }
  return payload;
}

QueueProgress progress_of(const ModelState::Queue& queue, std::size_t ranges_max,
                          Position page_positions) {
  QueueProgress progress;
  for (const auto& [priority, sub_queue] : queue.sub_queues) {
    SubQueueProgress record = progress_of(priority, sub_queue);
    if (page_positions != 0 && record.settled.size() + record.returned.size() > ranges_max) {
      put_into_pages(record, page_positions);
    }
    progress.sub_queues.push_back(std::move(record));
  }
  return progress;
}

QueueProgress change_of(const QueueProgress& before, QueueProgress after) {
  for (SubQueueProgress& sub_queue : after.sub_queues) {
    const auto found =
        std::ranges::find(before.sub_queues, sub_queue.priority, &SubQueueProgress::priority);
    if (found == before.sub_queues.end()) {
      continue;
    }
    std::map<Position, ProgressPage> changed;
    for (const ProgressPage& page : found->pages) {
      changed[page.begin] = {.begin = page.begin};
    }
    for (const ProgressPage& page : sub_queue.pages) {
      if (std::ranges::find(found->pages, page) != found->pages.end()) {
        changed.erase(page.begin);
      } else {
        changed[page.begin] = page;
      }
    }
    sub_queue.pages.clear();
    for (auto& [begin, page] : changed) {
      sub_queue.pages.push_back(std::move(page));
    }
  }
  return after;
}

std::string topology_key_of(QueueId queue) {
  return fmt::format("queue/{}", value_of(queue));
}

std::vector<QueueId> orphans_of(const Recovered& recovered) {
  std::vector<QueueId> orphans;
  for (const auto& [id, progress] : recovered.progress) {
    if (std::ranges::find(recovered.topology, topology_key_of(id),
                          &std::pair<std::string, std::string>::first) ==
        recovered.topology.end()) {
      orphans.push_back(id);
    }
  }
  return orphans;
}

ModelState after_restart(ModelState state) {
  for (auto& [id, queue] : state.queues) {
    for (auto& [priority, sub_queue] : queue.sub_queues) {
      sub_queue.transient.clear();
      sub_queue.next_position = 0;
    }
    for (const SubQueueProgress& progress : queue.record.sub_queues) {
      queue.sub_queues[progress.priority].next_position = progress.next_position;
    }
  }
  return state;
}

std::string difference(const ModelState& expected, const Recovered& recovered) {
  if (recovered.last_numbers != expected.numbers) {
    return "the last batches are" + text_of(recovered.last_numbers) + " and not" +
           text_of(expected.numbers);
  }
  if (recovered.next_queue_id != expected.next_queue_id) {
    return fmt::format("the next queue id is {} and not {}", recovered.next_queue_id,
                       expected.next_queue_id);
  }
  if (std::string text = topology_difference(expected, recovered); !text.empty()) {
    return text;
  }
  return progress_difference(expected, recovered);
}

std::string check_row(const ModelState& state, const MessageKey& key, bool transient,
                      std::string_view payload) {
  const std::string name = fmt::format("row {} of queue {}, priority {}", key.position,
                                       value_of(key.queue), key.priority);
  ModelState::RowNumber number = 0;
  for (std::size_t byte = 0; byte < sizeof(number) && byte < payload.size(); ++byte) {
    number |= ModelState::RowNumber{static_cast<unsigned char>(payload[byte])} << (8 * byte);
  }
  if (payload != make_payload(number)) {
    return name + " is damaged";
  }
  const auto queue = state.queues.find(key.queue);
  if (queue == state.queues.end()) {
    return "";  // Dead, and to be dropped one day.
  }
  const auto sub_queue = queue->second.sub_queues.find(key.priority);
  if (sub_queue == queue->second.sub_queues.end() ||
      key.position >= sub_queue->second.next_position) {
    return name + " was never committed";
  }
  const auto& rows = transient ? sub_queue->second.transient : sub_queue->second.stored;
  const auto row = rows.find(key.position);
  return row == rows.end() || row->second == number ? "" : name + " is not the one that was stored";
}

}  // namespace lepus::storage
