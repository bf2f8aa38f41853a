#include "storage/statistics.h"

#include <algorithm>
#include <cmath>

namespace lepus::storage {

std::uint64_t Distribution::quantile(double part) const {
  const auto wanted = static_cast<std::uint64_t>(std::llround(part * static_cast<double>(count)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += buckets[i];
    if (seen >= wanted && seen != 0) {
      return std::min(max, (std::uint64_t{1} << i) - 1);
    }
  }
  return max;
}

double StoreStatistics::write_amplification() const {
  if (committed_bytes == 0) {
    return 0;
  }
  const std::uint64_t written = log_bytes_written + flush_bytes_written + compaction_bytes_written;
  return static_cast<double>(written) / static_cast<double>(committed_bytes);
}

}  // namespace lepus::storage
