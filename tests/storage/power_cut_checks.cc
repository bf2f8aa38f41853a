// What a run of the power cut test finds in the store, compared with what must be there.

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "storage/record_format.h"
#include "storage/rocksdb_iteration.h"
#include "tests/storage/power_cut_run.h"

namespace lepus::storage {

/// Rows that were alive in the last committed state; what came after it declared nothing dead.
void PowerCutRun::check_rows() {
  for (const auto& [id, queue] : states_.front().queues) {
    for (const auto& [priority, sub_queue] : queue.sub_queues) {
      if (ok()) {
        check_sub_queue(id, priority, sub_queue);
      }
    }
  }
  if (ok() && !has_trouble()) {
    check_dead_rows();
  }
}

void PowerCutRun::check_sub_queue(QueueId queue, Priority priority,
                                  const ModelState::SubQueue& state) {
  std::map<Position, bool> expected;
  for (const auto& [position, number] : state.stored) {
    expected[position] = false;
  }
  for (const auto& [position, number] : state.transient) {
    expected[position] = true;
  }
  auto next = expected.begin();
  Position covered_below = 0;
  ReadRequest request{queue, priority, {0, ~Position{0}}, random_.below(20), random_.below(20'000)};
  const auto visit = [&](Position position, bool transient, std::string_view payload) {
    result_.rows_checked += 1;
    if (position < covered_below) {
      fail(fmt::format("rows of queue {} are out of order", value_of(queue)));
    }
    covered_below = position + 1;
    for (; next != expected.end() && next->first < position; ++next) {
      fail(fmt::format("row {} of queue {}, priority {} is lost", next->first, value_of(queue),
                       priority));
    }
    if (next != expected.end() && *next == std::pair<const Position, bool>(position, transient)) {
      ++next;
    }
    if (std::string text =
            check_row(states_.front(), {queue, priority, position}, transient, payload);
        !text.empty() && states_.size() == 1) {
      fail(std::move(text));
    }
  };
  while (request.positions.begin < request.positions.end) {
    const ReadOutcome outcome = backend_->read(request, visit);
    if (outcome.failed) {
      if (!has_trouble()) {
        fail("a read has failed although the disk works: " + outcome.error);
      }
      return;
    }
    request.positions.begin = outcome.covered_below;
  }
  if (next != expected.end()) {
    fail(fmt::format("row {} of queue {}, priority {} is lost", next->first, value_of(queue),
                     priority));
  }
}

/// Whoever has rows is a queue or remembered as deleted: otherwise their space never comes back.
void PowerCutRun::check_dead_rows() {
  const RocksdbDatabase& database = backend_->durable();
  const RocksdbFamilies& families = database.families();
  std::set<QueueId> known;
  std::set<QueueId> with_rows;
  bool is_whole = true;
  const auto visit = [&](rocksdb::ColumnFamilyHandle* family, const auto& collect) {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database.db().NewIterator(iteration_options(), family));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      collect(iterator->key().ToStringView());
    }
    is_whole = is_whole && iterator->status().ok();
  };
  for (rocksdb::ColumnFamilyHandle* const family : {families.progress, families.deleted_queues}) {
    // The key of a page begins with that of its record.
    visit(family, [&](std::string_view key) {
      known.insert(QueueId{*decode_number(key.substr(0, sizeof(QueueId)))});
    });
  }
  visit(families.messages,
        [&](std::string_view key) { with_rows.insert(decode_message_key(key)->queue); });
  if (!is_whole) {
    // A fault that was armed before may come at one of these reads: then they show a part.
    if (!has_trouble()) {
      fail("the records can't be read although the disk works");
    }
    return;
  }
  for (const QueueId queue : with_rows) {
    if (!known.contains(queue)) {
      fail(fmt::format("rows of queue {} are left, and nobody knows that it was deleted",
                       value_of(queue)));
      return;
    }
  }
}

}  // namespace lepus::storage
