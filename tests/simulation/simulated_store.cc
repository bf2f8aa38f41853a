#include "tests/simulation/simulated_store.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::simulation {

void SimulatedStore::append(std::vector<storage::NumberedBatch> batches,
                            std::function<void(storage::Outcome)> done) {
  if (crashed_) {
    return;
  }
  Unit unit{{std::move(batches), std::move(done)}, observer_.moment()};
  if (fault_ == StoreFault::answers_early && !at_once_) {
    durable_.push_back(std::exchange(unit.unit.done, nullptr));
  }
  waiting_.push_back(std::move(unit));
  if (at_once_) {
    commit(1);
    answer();
  }
}

void SimulatedStore::read(storage::ReadRequest request, storage::RowVisitor visit,
                          std::function<void(storage::ReadOutcome)> done) {
  if (!crashed_) {
    reads_.push_back({request, std::move(visit), std::move(done)});
  }
}

void SimulatedStore::commit(std::size_t units) {
  if (waiting_.empty() || units == 0) {
    return;
  }
  std::vector<storage::AppendUnit> taken;
  for (; units > 0 && !waiting_.empty(); --units) {
    Unit unit = std::move(waiting_.front());
    waiting_.pop_front();
    for (const storage::NumberedBatch& numbered : unit.unit.batches) {
      observer_.durable(disk_.content_of(*numbered.batch), unit.sealed_at);
    }
    break_batches(unit.unit);
    if (unit.unit.done) {
      durable_.push_back(std::exchange(unit.unit.done, nullptr));
    }
    taken.push_back(std::move(unit.unit));
  }
  const storage::Outcome outcome = write(taken);
  LEPUS_ASSERT(outcome == storage::Outcome::committed, "the disk works");
  disk_.finish_jobs();
}

storage::Outcome SimulatedStore::write(std::vector<storage::AppendUnit>& units) {
  for (storage::AppendUnit& unit : units) {
    for (storage::NumberedBatch& numbered : unit.batches) {
      numbered.batch = disk_.for_backend(std::move(numbered.batch));
    }
  }
  return disk_.backend().commit(units);
}

void SimulatedStore::break_batches(storage::AppendUnit& unit) {
  if (fault_ == StoreFault::none || fault_ == StoreFault::answers_early) {
    return;
  }
  for (storage::NumberedBatch& numbered : unit.batches) {
    const auto& batch = disk_.content_of(*numbered.batch);
    const auto& rows = batch.messages();
    const bool has_durable_rows =
        std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !row.transient; });
    if (numbered.log == storage::topology_log) {
      continue;
    }
    if (fault_ == StoreFault::forgets_rows ? has_durable_rows && !has_forgotten_ : rows.empty()) {
      has_forgotten_ = true;
      numbered.batch = disk_.new_batch();
    }
  }
}

void SimulatedStore::answer() {
  const std::function<void(storage::Outcome)> done = std::move(durable_.front());
  durable_.pop_front();
  done(storage::Outcome::committed);
}

void SimulatedStore::read_one(std::size_t index) {
  const auto place = reads_.begin() + static_cast<std::ptrdiff_t>(index);
  const Read read = std::move(*place);
  reads_.erase(place);
  read.done(disk_.backend().read(read.request, read.visit));
}

void SimulatedStore::crash(std::size_t durable_units, Random& random) {
  commit(durable_units);
  if (!waiting_.empty() && disk_.power_off_soon(random)) {
    std::vector<storage::AppendUnit> taken;
    for (std::size_t units = random.between(1, waiting_.size()); units > 0; --units) {
      taken.push_back(std::move(waiting_.front().unit));
      waiting_.pop_front();
    }
    static_cast<void>(write(taken));
  }
  crashed_ = true;
  waiting_.clear();
  durable_.clear();
  reads_.clear();
}

void SimulatedStore::close(bool everything_committed) {
  commit(waiting_.size());
  crashed_ = true;
  disk_.close(everything_committed);
}

}  // namespace lepus::simulation
