// What a run of the power cut test commits.

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "tests/storage/power_cut_run.h"
#include "tests/storage/store_driver.h"

namespace lepus::storage {

namespace {

/// So that logs are shared by queues, and units have batches of several.
constexpr LogId logs_used = 3;

}  // namespace

Batch& PowerCutRun::batch(Unit& unit, LogId log) {
  std::vector<NumberedBatch>& batches = unit.append.batches;
  const auto found = std::ranges::find(batches, log, &NumberedBatch::log);
  if (found != batches.end()) {
    return *found->batch;
  }
  batches.push_back({log, ++numbers_[log], backend_->new_batch()});
  return *batches.back().batch;
}

Batch& PowerCutRun::batch(Unit& unit, QueueId queue) {
  return batch(unit, static_cast<LogId>(value_of(queue) % logs_used));
}

void PowerCutRun::commit() {
  ModelState next = states_.back();
  std::vector<Unit> units(random_.between(1, 3));
  for (Unit& unit : units) {
    for (std::size_t changes = random_.between(1, 4); changes > 0; --changes) {
      change(next, unit);
    }
    seal(next, unit);
  }
  commit(std::move(next), std::move(units));
}

void PowerCutRun::commit(ModelState next, std::vector<Unit> units) {
  std::vector<AppendUnit> appends;
  bool needs_sync = false;
  for (Unit& unit : units) {
    for (const NumberedBatch& numbered : unit.append.batches) {
      needs_sync |= numbered.batch->needs_sync();
    }
    appends.push_back(std::move(unit.append));
  }
  if (needs_sync) {
    next.numbers = numbers_;
  }
  const Outcome outcome = commit(std::move(appends));
  if (std::exchange(transient_rows_failed_, false)) {
    forget_new_transient_rows(next);
  }
  last_row_before_ = last_row_;
  misbehave_after();
  result_.commits += 1;
  trace(fmt::format("commit {}{}{}", result_.commits, needs_sync ? "" : " without a sync",
                    outcome == Outcome::committed ? "" : ": unknown"));
  if (outcome == Outcome::committed) {
    if (has(StoreMutation::none) && disk_.unsafe_bytes(".log") > 0) {
      fail("a commit has returned before it was synced");
    }
    states_.clear();
  } else {
    result_.unknown_commits += 1;
    if (!has_trouble()) {
      fail("a commit has failed although the disk works");
    }
  }
  states_.push_back(std::move(next));
}

/// They could not be written: a broker keeps them in memory.
void PowerCutRun::forget_new_transient_rows(ModelState& next) const {
  for (auto& [id, queue] : next.queues) {
    for (auto& [priority, sub_queue] : queue.sub_queues) {
      for (auto row = sub_queue.transient.begin(); row != sub_queue.transient.end();) {
        row = row->second > last_row_before_ ? sub_queue.transient.erase(row) : std::next(row);
      }
    }
  }
}

Outcome PowerCutRun::commit(std::vector<AppendUnit> units) {
  misbehave_before(units);
  if (!has(StoreMutation::splits_units)) {
    const Outcome outcome = backend_->commit(units);
    transient_rows_failed_ = std::ranges::any_of(
        units, [](const AppendUnit& unit) { return unit.outcome != Outcome::committed; });
    return outcome;
  }
  Outcome outcome = Outcome::committed;
  for (AppendUnit& unit : units) {
    for (NumberedBatch& numbered : unit.batches) {
      std::vector<AppendUnit> one(1);
      one[0].batches.push_back(std::move(numbered));
      outcome = backend_->commit(one);
    }
  }
  return outcome;
}

void PowerCutRun::misbehave_before(const std::vector<AppendUnit>& units) {
  if (!has(StoreMutation::drops_before_sync)) {
    return;
  }
  for (const AppendUnit& unit : units) {
    for (const NumberedBatch& numbered : unit.batches) {
      DeadRows transient;
      static_cast<const RocksdbBatch&>(*numbered.batch)
          .publish(const_cast<DeadRows&>(backend_->durable_dead()), transient);
    }
  }
  if (random_.one_in(2)) {
    environment_.run_jobs();
    static_cast<void>(backend_->durable().db().Flush({}, backend_->durable().families().messages));
    environment_.hold_jobs();
  }
}

void PowerCutRun::misbehave_after() {
  if (!has(StoreMutation::forgets_deleted)) {
    return;
  }
  const RocksdbDatabase& database = backend_->durable();
  rocksdb::ColumnFamilyHandle* family = database.families().deleted_queues;
  const std::unique_ptr<rocksdb::Iterator> iterator(database.db().NewIterator({}, family));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    static_cast<void>(database.db().Delete({}, family, iterator->key()));
  }
}

void PowerCutRun::change(ModelState& next, Unit& unit) {
  constexpr std::size_t queues_usual = 6;
  if (next.queues.empty() || random_.one_in(next.queues.size() < queues_usual ? 6 : 30)) {
    declare(next, unit);
    return;
  }
  auto place = next.queues.begin();
  std::advance(place, static_cast<std::ptrdiff_t>(random_.below(next.queues.size())));
  const QueueId queue = place->first;
  switch (random_.below(20)) {
    case 0:
      change_topology(next, unit);
      break;
    case 1:
      if (random_.one_in(2)) {
        remove(next, unit, queue);
      }
      break;
    case 2:
      return_some(next, unit, queue);
      break;
    case 3:
      settle_transient(next, unit, queue);
      break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      settle(next, unit, queue);
      break;
    default:
      publish(next, unit, queue);
      break;
  }
}

void PowerCutRun::declare(ModelState& next, Unit& unit) {
  if (next_queue_id_ >= next.next_queue_id) {
    next.next_queue_id = next_queue_id_ + random_.between(1, 5);
    batch(unit, topology_log).reserve_queue_ids_below(next.next_queue_id);
    return;  // An id may be used once the reservation is committed.
  }
  if (states_.size() > 1 || next_queue_id_ >= states_.back().next_queue_id) {
    return;
  }
  const QueueId queue{next_queue_id_++};
  const std::string value = fmt::format("declared as {}", value_of(queue));
  next.topology[topology_key_of(queue)] = value;
  batch(unit, topology_log).put_topology(topology_key_of(queue), value);
  ModelState::Queue& state = next.queues[queue];
  for (std::size_t priority = random_.one_in(3) ? random_.between(0, 3) : 0;; --priority) {
    state.sub_queues[static_cast<Priority>(priority)];
    if (priority == 0) {
      break;
    }
  }
  unit.touched.insert(queue);
}

void PowerCutRun::remove(ModelState& next, Unit& unit, QueueId queue) {
  if (next.topology.erase(topology_key_of(queue)) > 0) {
    batch(unit, topology_log).erase_topology(topology_key_of(queue));
    // Sometimes the broker gets no further.
    if (random_.one_in(3)) {
      return;
    }
  }
  next.queues.erase(queue);
  unit.touched.erase(queue);
  batch(unit, queue).delete_queue(queue);
}

void PowerCutRun::publish(ModelState& next, Unit& unit, QueueId queue) {
  auto& sub_queues = next.queues[queue].sub_queues;
  for (std::size_t count = random_.one_in(10) ? 50 : random_.between(1, 8); count > 0; --count) {
    auto place = sub_queues.begin();
    std::advance(place, static_cast<std::ptrdiff_t>(random_.below(sub_queues.size())));
    auto& [priority, sub_queue] = *place;
    const MessageKey key{queue, priority, sub_queue.next_position++};
    const std::string payload = make_payload(++last_row_);
    if (!random_.one_in(5)) {
      sub_queue.stored[key.position] = last_row_;
      unit.touched.insert(queue);
      if (!has(StoreMutation::skips_positions) || !random_.one_in(200)) {
        put(batch(unit, queue), key, payload);
      }
    } else if (random_.one_in(2)) {
      sub_queue.transient[key.position] = last_row_;
      put_transient(batch(unit, queue), key, payload);
    }  // else it stays in memory
  }
}

void PowerCutRun::settle(ModelState& next, Unit& unit, QueueId queue) {
  const bool all = random_.one_in(15);  // a purge
  for (auto& [priority, sub_queue] : next.queues[queue].sub_queues) {
    auto& stored = sub_queue.stored;
    if (stored.empty()) {
      continue;
    }
    unit.touched.insert(queue);
    const std::size_t count = all ? stored.size() : random_.between(1, stored.size());
    const std::size_t first = random_.one_in(3) ? random_.below(stored.size() - count + 1) : 0;
    const bool spares_some = !all && random_.one_in(3);
    auto row = std::next(stored.begin(), static_cast<std::ptrdiff_t>(first));
    for (std::size_t place = 0; place < count; ++place) {
      sub_queue.delivered_below = std::max(sub_queue.delivered_below, row->first + 1);
      sub_queue.had_consumer = true;
      if (spares_some && random_.one_in(4)) {
        ++row;
        continue;
      }
      sub_queue.returned.erase(row->first);
      row = stored.erase(row);
    }
  }
}

void PowerCutRun::return_some(ModelState& next, Unit& unit, QueueId queue) {
  for (auto& [priority, sub_queue] : next.queues[queue].sub_queues) {
    for (const auto& [position, number] : sub_queue.stored) {
      if (random_.one_in(3)) {
        sub_queue.returned[position] += 1;
        sub_queue.delivered_below = std::max(sub_queue.delivered_below, position + 1);
        unit.touched.insert(queue);
      }
    }
  }
}

void PowerCutRun::settle_transient(ModelState& next, Unit& unit, QueueId queue) {
  for (auto& [priority, sub_queue] : next.queues[queue].sub_queues) {
    auto& rows = sub_queue.transient;
    const auto first_alive =
        std::next(rows.begin(), static_cast<std::ptrdiff_t>(random_.below(rows.size() + 1)));
    const Position floor = first_alive == rows.end() ? sub_queue.next_position : first_alive->first;
    rows.erase(rows.begin(), first_alive);
    batch(unit, queue).note_transient_floor(queue, priority, floor);
  }
}

void PowerCutRun::change_topology(ModelState& next, Unit& unit) {
  const std::string key = fmt::format("exchange/{}", random_.below(8));
  if (random_.one_in(3)) {
    next.topology.erase(key);
    batch(unit, topology_log).erase_topology(key);
  } else {
    const std::string value = fmt::format("as of commit {}", result_.commits);
    next.topology[key] = value;
    batch(unit, topology_log).put_topology(key, value);
  }
}

void PowerCutRun::seal(ModelState& next, Unit& unit) {
  for (const QueueId id : unit.touched) {
    ModelState::Queue& queue = next.queues.at(id);
    const QueueProgress record = progress_of(queue, page_ranges_max_, page_positions_);
    QueueProgress change = change_of(std::exchange(queue.record, record), record);
    for (SubQueueProgress& sub_queue : change.sub_queues) {
      result_.pages_written += sub_queue.pages.size();
      if (has(StoreMutation::keeps_pages)) {
        std::erase_if(sub_queue.pages, [](const ProgressPage& page) { return page.empty(); });
      }
    }
    batch(unit, id).put_progress(id, change);
  }
}

}  // namespace lepus::storage
