#include "tests/simulation/simulated_store.h"

#include <algorithm>

namespace lepus::simulation {

void SimulatedStore::append(std::vector<storage::NumberedBatch> batches,
                            std::function<void(storage::Outcome)> done) {
  if (crashed_) {
    return;
  }
  Unit unit{{std::move(batches), std::move(done)}, observer_.moment()};
  if (at_once_) {
    make_durable(std::move(unit), true);
    answer();
    return;
  }
  if (fault_ == StoreFault::answers_early) {
    durable_.push_back(std::move(unit.unit.done));
  }
  waiting_.push_back(std::move(unit));
}

void SimulatedStore::read(storage::ReadRequest request, storage::RowVisitor visit,
                          std::function<void(storage::ReadOutcome)> done) {
  if (!crashed_) {
    reads_.push_back({request, std::move(visit), std::move(done)});
  }
}

void SimulatedStore::commit(std::size_t units) {
  for (; units > 0 && !waiting_.empty(); --units) {
    Unit unit = std::move(waiting_.front());
    waiting_.pop_front();
    make_durable(std::move(unit), fault_ != StoreFault::answers_early);
  }
}

void SimulatedStore::make_durable(Unit unit, bool with_answer) {
  for (const storage::NumberedBatch& numbered : unit.unit.batches) {
    observer_.durable(static_cast<const storage::MemoryBatch&>(*numbered.batch), unit.sealed_at);
  }
  break_batches(unit.unit);
  static_cast<void>(backend_->commit({&unit.unit, 1}));
  if (with_answer) {
    durable_.push_back(std::move(unit.unit.done));
  }
}

void SimulatedStore::break_batches(storage::AppendUnit& unit) {
  if (fault_ == StoreFault::none || fault_ == StoreFault::answers_early) {
    return;
  }
  for (storage::NumberedBatch& numbered : unit.batches) {
    const auto& batch = static_cast<const storage::MemoryBatch&>(*numbered.batch);
    const auto& rows = batch.messages();
    const bool has_durable_rows =
        std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !row.transient; });
    if (numbered.log == storage::topology_log) {
      continue;
    }
    if (fault_ == StoreFault::forgets_rows ? has_durable_rows && !has_forgotten_ : rows.empty()) {
      has_forgotten_ = true;
      numbered.batch = backend_->new_batch();
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
  read.done(backend_->read(read.request, read.visit));
}

void SimulatedStore::crash(std::size_t durable_units) {
  commit(durable_units);
  crashed_ = true;
  waiting_.clear();
  durable_.clear();
  reads_.clear();
}

void SimulatedStore::close(bool everything_committed) {
  commit(waiting_.size());
  crashed_ = true;
  backend_->close(everything_committed);
}

}  // namespace lepus::simulation
