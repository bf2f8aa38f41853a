#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

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
  const auto place_of = [](const auto& all, const std::string& name) {
    const auto found =
        std::ranges::find_if(all, [&](const auto& each) { return each.name == name; });
    return static_cast<std::uint32_t>(found - all.begin());
  };
  std::map<storage::QueueId, std::shared_ptr<model::QueueRecord>> delay_queues;
  for (auto& record : topology_->list_delay_queues()) {
    delay_queues[record->id] = record;
  }
  Checker::Found found;
  std::vector<Checker::FoundDelayed> delayed(exchanges.size());
  for (const auto& [id, progress] : recovered.progress) {
    const auto record = delay_queues.contains(id) ? delay_queues[id] : topology_->find_queue(id);
    if (record == nullptr) {
      continue;  // deleted, its rows with it
    }
    for (const storage::SubQueueProgress& each : progress.sub_queues) {
      look_at_rows(*record, each, [&](MessageName name, const model::Message& message) {
        if (record->delays) {
          ++delayed.at(place_of(exchanges, record->name))[{name.publisher, name.number}];
          return;
        }
        name.queue = place_of(queues, record->name);
        Checker::FoundRow& row = found[name];
        ++row.count;
        row.published_ms = message.traits().published_ms;
      });
    }
  }
  checker.found_at_start(found, delayed);
}

void World::look_at_rows(const model::QueueRecord& queue, const storage::SubQueueProgress& progress,
                         const RowFound& row_found) {
  std::uint64_t count = 0;
  const auto look_at = [&](storage::Position position, bool transient, std::string_view row) {
    if (transient || is_settled(position, progress)) {
      return;
    }
    ++count;
    const auto message = model::Message::from_stored(row);
    MessageName name;
    if (!message || !read_body((*message)->body(), name.publisher, name.number)) {
      checker.fail("a damaged message is stored in " + queue.name);
      return;
    }
    name.first_death = deaths((*message)->properties()).first_queue;
    trace("message {} of publisher {} is stored in {}, at {} of priority {}", name.number,
          name.publisher, queue.name, position, progress.priority);
    row_found(name, **message);
  };
  storage::PositionRange positions{progress.floor, progress.next_position};
  // Where nothing is said to be stored nobody looks.
  while (progress.stored_count != 0 && positions.begin < positions.end) {
    const storage::ReadOutcome outcome = disk_->backend().read(
        {queue.id, progress.priority, positions, SIZE_MAX, SIZE_MAX}, look_at);
    if (outcome.failed) {
      checker.fail("the store can't be read at a start: " + outcome.error);
      return;
    }
    positions.begin = std::max(outcome.covered_below, positions.begin + 1);
  }
  if (count != progress.stored_count) {
    checker.fail(fmt::format("{} is said to store {} messages and stores {}", queue.name,
                             progress.stored_count, count));
  }
}

}  // namespace lepus::simulation
