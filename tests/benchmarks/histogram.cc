#include "tests/benchmarks/histogram.h"

#include <algorithm>
#include <cmath>

namespace lepus::benchmarks {

std::int64_t Histogram::quantile_ns(double share) const {
  const auto wanted =
      static_cast<std::uint64_t>(std::max(1.0, std::ceil(share * static_cast<double>(total_))));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    if (seen >= wanted) {
      return std::min(upper_end_of(index), largest_);
    }
  }
  return largest_;
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    counts_[index] += other.counts_[index];
  }
  total_ += other.total_;
  largest_ = std::max(largest_, other.largest_);
  sum_ += other.sum_;
}

}  // namespace lepus::benchmarks
