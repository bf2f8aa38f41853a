#include "tests/simulation/simulated_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::simulation {

namespace {

/// Pages are told from those before, so a store that forgets some breaks more than a promise.
bool has_pages(const storage::MemoryBatch& batch) {
  return std::ranges::any_of(batch.queues(), [](const auto& change) {
    return change.progress &&
           std::ranges::any_of(change.progress->sub_queues,
                               [](const auto& each) { return each.page_count > 0; });
  });
}

}  // namespace

void SimulatedStore::append(std::vector<storage::NumberedBatch> batches,
                            std::function<void(storage::Outcome)> done) {
  if (crashed_) {
    return;
  }
  storage::AppendUnit unit{std::move(batches), std::move(done)};
  if (fault_ == StoreFault::answers_early && !at_once_) {
    say(unit, storage::Outcome::committed);
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
  if (crashed_ || has_failed()) {
    return;
  }
  const bool is_again = !again_.empty();
  std::vector<storage::AppendUnit> taken = is_again ? std::exchange(again_, {}) : take(units);
  if (taken.empty()) {
    return;
  }
  if (!is_again) {
    note_sealed(taken);
    std::ranges::for_each(taken, [this](storage::AppendUnit& unit) { break_batches(unit); });
  }
  const storage::Outcome outcome = write(taken);
  disk_.finish_jobs();
  if (outcome != storage::Outcome::committed) {
    answer_unknown(taken);
    again_ = std::move(taken);
    return;
  }
  for (const Sealed& sealed : std::exchange(sealed_, {})) {
    observer_.durable(sealed.queues, sealed.at);
  }
  for (storage::AppendUnit& unit : taken) {
    say(unit, storage::Outcome::committed);
  }
}

void SimulatedStore::note_sealed(const std::vector<storage::AppendUnit>& units) {
  for (const storage::AppendUnit& unit : units) {
    for (const storage::NumberedBatch& numbered : unit.batches) {
      const auto queues = disk_.content_of(*numbered.batch).queues();
      const auto sealed_at = sealed_at_.find(numbered.batch.get());
      sealed_.push_back({{queues.begin(), queues.end()}, sealed_at->second});
      sealed_at_.erase(sealed_at);
    }
  }
}

/// As the real store does.
void SimulatedStore::answer_unknown(std::vector<storage::AppendUnit>& units) {
  observer_.failed();
  bool others_wait = false;
  for (storage::AppendUnit& unit : units) {
    unit.is_again = true;
    others_wait |=
        unit.batches.empty() || std::ranges::any_of(unit.batches, [](const auto& numbered) {
          return numbered.needs_certainty || numbered.log == storage::topology_log;
        });
    if (at_once_ || !others_wait) {
      say(unit, fault_ == StoreFault::hides_faults ? storage::Outcome::committed
                                                   : storage::Outcome::unknown);
    }
  }
}

void SimulatedStore::say(storage::AppendUnit& unit, storage::Outcome outcome) {
  if (auto done = std::exchange(unit.done, nullptr)) {
    answers_.emplace_back([done = std::move(done), outcome] { done(outcome); });
  }
}

void SimulatedStore::resume() {
  disk_.backend().resume();
  disk_.finish_jobs();
}

storage::Outcome SimulatedStore::write(std::vector<storage::AppendUnit>& units) {
  for (storage::AppendUnit& unit : units) {
    for (storage::NumberedBatch& numbered : unit.batches) {
      if (!unit.is_again) {
        numbered.batch = disk_.for_backend(std::move(numbered.batch));
      }
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
    has_pages_ |= has_pages(batch);
    if (numbered.log == storage::topology_log || has_pages_) {
      continue;
    }
    if (fault_ == StoreFault::forgets_rows ? has_durable_rows && !has_forgotten_ : rows.empty()) {
      has_forgotten_ = true;
      numbered.batch = disk_.new_batch();
    }
  }
}

void SimulatedStore::answer() {
  if (!answers_.empty()) {
    const std::function<void()> answer = std::move(answers_.front());
    answers_.pop_front();
    answer();
  }
}

SimulatedStore::Read SimulatedStore::take_read(std::size_t index) {
  const auto place = reads_.begin() + static_cast<std::ptrdiff_t>(index);
  Read read = std::move(*place);
  reads_.erase(place);
  return read;
}

void SimulatedStore::read_one(std::size_t index, std::size_t rows_max) {
  Read read = take_read(index);
  read.request.rows_max = std::min(read.request.rows_max, rows_max);
  read.done(disk_.backend().read(read.request, read.visit));
}

void SimulatedStore::fail_read(std::size_t index, std::size_t rows, ReadFault fault) {
  const Read read = take_read(index);
  std::size_t count = 0;
  storage::ReadOutcome outcome = disk_.backend().read(
      read.request, [&](storage::Position position, bool transient, std::string_view payload) {
        const bool is_behind = ++count > rows;
        if (fault == ReadFault::damage) {
          read.visit(position, transient, count == rows + 1 ? std::string_view{} : payload);
        } else if (!is_behind) {
          read.visit(position, transient, payload);
        }
      });
  if (fault == ReadFault::error) {
    outcome = {.failed = true, .error = read_error, .covered_below = read.request.positions.begin};
  }
  read.done(std::move(outcome));
}

void SimulatedStore::crash(std::size_t durable_units, Random& random) {
  commit(durable_units);
  if (fault_ == StoreFault::splits_units) {
    write_a_part();
  } else if (!waiting_.empty() && !has_failed() && disk_.power_off_soon(random)) {
    std::vector<storage::AppendUnit> taken = take(random.between(1, waiting_.size()));
    static_cast<void>(write(taken));
  }
  crashed_ = true;
  waiting_.clear();
  again_.clear();
  answers_.clear();
  reads_.clear();
}

void SimulatedStore::write_a_part() {
  if (has_failed()) {
    return;
  }
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
