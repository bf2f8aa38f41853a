#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "storage/store.h"

namespace lepus::storage {

/// Names the units of several callers that belong together. Number 0: the unit stands alone.
struct Cut {
  std::uint64_t number = 0;
  std::uint32_t parts = 0;  ///< so many callers bring a unit with this number
};

/// The way of the shards' units into the store. It holds back the parts of a cut, and what their
/// callers bring after them, until all parts are there, and appends those as one: they are
/// committed together or not at all.
///
/// No caller may wait for an answer before it brings its part, or nothing would move any more.
/// Any thread; the callbacks come as Store::append says.
class CutGate {
 public:
  explicit CutGate(Store& store) : store_(store) {}

  CutGate(const CutGate&) = delete;
  CutGate& operator=(const CutGate&) = delete;

  /// See Store::append. Units of one caller keep their order.
  void append(std::uint32_t caller, std::vector<NumberedBatch> batches, Cut cut,
              std::function<void(Outcome)> done);

 private:
  struct Unit {
    std::uint32_t caller = 0;
    std::vector<NumberedBatch> batches;
    Cut cut;
    std::function<void(Outcome)> done;
    bool chosen = false;
  };

  [[nodiscard]] bool choose_what_goes_with_the_first();
  /// @return false when a part of the cut is missing.
  [[nodiscard]] bool choose_cut(const Cut& cut, bool& has_grown);
  void choose_before(std::size_t index, bool& has_grown);
  void append_chosen();

  Store& store_;
  std::mutex mutex_;
  std::vector<Unit> waiting_;  ///< in their order; the first is a part of a cut; under mutex_
};

}  // namespace lepus::storage
