#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace lepus::simulation {

/// All chance of a run. The same seed makes the same run everywhere, so nothing of <random>'s
/// distributions is used.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t number() { return engine_(); }

  /// 0 … below − 1.
  std::size_t below(std::size_t below) { return below == 0 ? 0 : engine_() % below; }

  /// first … last.
  std::size_t between(std::size_t first, std::size_t last) {
    return first + below(last - first + 1);
  }

  /// True once in `times`, on the average.
  bool one_in(std::size_t times) { return below(times) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lepus::simulation
