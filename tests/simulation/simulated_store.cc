#include "tests/simulation/simulated_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::simulation {

void SimulatedStore::append(std::vector<storage::NumberedBatch> batches,
                            std::function<void(storage::Outcome)> done) {
  if (crashed_) {
    return;
  }
  storage::AppendUnit unit{std::move(batches), std::move(done)};
  if (fault_ == StoreFault::answers_early && !at_once_) {
    durable_.push_back(std::exchange(unit.done, nullptr));
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

std::unique_ptr<storage::Batch> SimulatedStore::new_batch() {
  auto batch = disk_.new_batch();
  sealed_at_[batch.get()] = observer_.moment();
  return batch;
}

bool SimulatedStore::has_joint_unit() const {
  return std::ranges::any_of(
      waiting_, [](const storage::AppendUnit& unit) { return unit.batches.size() > 1; });
}

std::vector<storage::AppendUnit> SimulatedStore::take(std::size_t units) {
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(units, waiting_.size()));
  std::vector<storage::AppendUnit> taken(std::make_move_iterator(waiting_.begin()),
                                         std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return taken;
}

void SimulatedStore::commit(std::size_t units) {
  std::vector<storage::AppendUnit> taken = take(units);
  if (taken.empty()) {
    return;
  }
  for (storage::AppendUnit& unit : taken) {
    for (const storage::NumberedBatch& numbered : unit.batches) {
      observer_.durable(disk_.content_of(*numbered.batch), sealed_at_.at(numbered.batch.get()));
      sealed_at_.erase(numbered.batch.get());
    }
    break_batches(unit);
    if (unit.done) {
      durable_.push_back(std::exchange(unit.done, nullptr));
    }
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
  if (fault_ != StoreFault::forgets_rows && fault_ != StoreFault::forgets_progress) {
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
  if (fault_ == StoreFault::splits_units) {
    write_a_part();
  } else if (!waiting_.empty() && disk_.power_off_soon(random)) {
    std::vector<storage::AppendUnit> taken = take(random.between(1, waiting_.size()));
    static_cast<void>(write(taken));
  }
  crashed_ = true;
  waiting_.clear();
  durable_.clear();
  reads_.clear();
}

void SimulatedStore::write_a_part() {
  std::vector<storage::AppendUnit> taken = take(1);
  if (!taken.empty() && taken.front().batches.size() > 1) {
    taken.front().batches.resize(taken.front().batches.size() / 2);
    static_cast<void>(write(taken));
  }
}

void SimulatedStore::close(bool everything_committed) {
  commit(waiting_.size());
  crashed_ = true;
  disk_.close(everything_committed);
}

}  // namespace lepus::simulation
