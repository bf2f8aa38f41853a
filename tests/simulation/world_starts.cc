#include <algorithm>

#include "broker/model/message.h"
#include "tests/simulation/world.h"

// What a start finds in the store, before anybody does anything with it.

namespace lepus::simulation {

namespace {

bool is_settled(storage::Position position, const storage::SubQueueProgress& progress) {
  const auto is_in = [position](const std::vector<storage::PositionRange>& ranges) {
    return std::ranges::any_of(ranges, [position](const storage::PositionRange& range) {
      return range.begin <= position && position < range.end;
    });
  };
  return position < progress.floor || is_in(progress.settled) ||
         std::ranges::any_of(progress.pages, [&is_in](const storage::ProgressPage& page) {
           return is_in(page.settled);
         });
}

}  // namespace

void World::look_at_store(const storage::Recovered& recovered) {
  Checker::Found found;
  for (const auto& [id, progress] : recovered.progress) {
    const auto record = topology_->find_queue(id);
    const auto queue = record == nullptr
                           ? queues.end()
                           : std::ranges::find(queues, record->name, &QueueTraits::name);
    if (queue == queues.end()) {
      continue;  // deleted, its rows with it
    }
    for (const storage::SubQueueProgress& each : progress.sub_queues) {
      look_at_rows(static_cast<std::uint32_t>(queue - queues.begin()), id, each, found);
    }
  }
  checker.found_at_start(found);
}

void World::look_at_rows(std::uint32_t queue_number, storage::QueueId queue,
                         const storage::SubQueueProgress& progress, Checker::Found& found) {
  std::uint64_t count = 0;
  const auto look_at = [&](storage::Position position, bool transient, std::string_view row) {
    if (transient || is_settled(position, progress)) {
      return;
    }
    ++count;
    const auto message = model::Message::from_stored(row);
    MessageName name{.queue = queue_number};
    if (!message || !read_body((*message)->body(), name.publisher, name.number)) {
      checker.fail("a damaged message is stored in " + queues[queue_number].name);
      return;
    }
    name.first_death = deaths((*message)->properties()).first_queue;
    trace("{} is stored at {}", to_text(name), position);
    ++found[name];
  };
  storage::PositionRange positions{progress.floor, progress.next_position};
  // Where nothing is said to be stored nobody looks.
  while (progress.stored_count != 0 && positions.begin < positions.end) {
    const storage::ReadOutcome outcome =
        disk_->backend().read({queue, progress.priority, positions, SIZE_MAX, SIZE_MAX}, look_at);
    if (outcome.failed) {
      checker.fail("the store can't be read at a start: " + outcome.error);
      return;
    }
    positions.begin = std::max(outcome.covered_below, positions.begin + 1);
  }
  if (count != progress.stored_count) {
    checker.fail(fmt::format("{} is said to store {} messages and stores {}",
                             queues[queue_number].name, progress.stored_count, count));
  }
}

}  // namespace lepus::simulation
