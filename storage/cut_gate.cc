#include "storage/cut_gate.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lepus::storage {

void CutGate::append(std::uint32_t caller, std::vector<NumberedBatch> batches, Cut cut,
                     std::function<void(Outcome)> done) {
  // Held while the store takes the units, so that they come there in their order.
  const std::lock_guard lock(mutex_);
  const bool is_behind_another =
      std::ranges::any_of(waiting_, [caller](const Unit& unit) { return unit.caller == caller; });
  if (cut.number == 0 && !is_behind_another) [[likely]] {
    store_.append(std::move(batches), std::move(done));
    return;
  }
  waiting_.push_back({caller, std::move(batches), cut, std::move(done)});
  while (!waiting_.empty() && choose_what_goes_with_the_first()) {
    append_chosen();
  }
}

/// Nothing may overtake a unit of its own caller, so a cut takes along what stands before its
/// parts, which may be parts of other cuts.
/// @return false when something of it is missing.
bool CutGate::choose_what_goes_with_the_first() {
  for (Unit& unit : waiting_) {
    unit.chosen = false;
  }
  waiting_.front().chosen = true;
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    for (std::size_t index = 0; index < waiting_.size(); ++index) {
      if (!waiting_[index].chosen) {
        continue;
      }
      if (!choose_cut(waiting_[index].cut, has_grown)) {
        return false;
      }
      choose_before(index, has_grown);
    }
  }
  return true;
}

bool CutGate::choose_cut(const Cut& cut, bool& has_grown) {
  if (cut.number == 0) {
    return true;
  }
  std::uint32_t parts = 0;
  for (Unit& unit : waiting_) {
    if (unit.cut.number == cut.number) {
      parts += 1;
      has_grown |= !std::exchange(unit.chosen, true);
    }
  }
  return parts == cut.parts;
}

void CutGate::choose_before(std::size_t index, bool& has_grown) {
  for (std::size_t before = 0; before < index; ++before) {
    if (waiting_[before].caller == waiting_[index].caller) {
      has_grown |= !std::exchange(waiting_[before].chosen, true);
    }
  }
}

void CutGate::append_chosen() {
  std::vector<NumberedBatch> batches;
  std::vector<std::function<void(Outcome)>> done;
  for (Unit& unit : waiting_) {
    if (unit.chosen) {
      std::ranges::move(unit.batches, std::back_inserter(batches));
      done.push_back(std::move(unit.done));
    }
  }
  std::erase_if(waiting_, [](const Unit& unit) { return unit.chosen; });
  store_.append(std::move(batches), [done = std::move(done)](Outcome outcome) {
    for (const auto& each : done) {
      each(outcome);
    }
  });
}

}  // namespace lepus::storage
