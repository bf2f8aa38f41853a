#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lepus::benchmarks {

/// Counts of durations in buckets whose width grows with the value: exact below 256, within 1/128
/// above. One thread writes; `merge` after it has ended.
class Histogram {
 public:
  /// Values above 2^42 ns (73 minutes) count as that; negative ones as 0.
  static constexpr unsigned value_bits = 42;
  static constexpr unsigned precision_bits = 7;

  void record(std::int64_t value_ns, std::uint64_t count = 1) {
    if (value_ns > largest_) {
      largest_ = value_ns;
    }
    counts_[index_of(value_ns)] += count;
    total_ += count;
    sum_ += value_ns * static_cast<std::int64_t>(count);
  }

  [[nodiscard]] std::uint64_t count() const { return total_; }

  [[nodiscard]] std::int64_t max_ns() const { return largest_; }

  /// 0 if nothing was recorded.
  [[nodiscard]] double mean_ns() const {
    return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_);
  }

  /// The upper end of the bucket below or in which that share (0 to 1) of all values lies; 0 if
  /// nothing was recorded.
  [[nodiscard]] std::int64_t quantile_ns(double share) const;

  void merge(const Histogram& other);

 private:
  static constexpr std::size_t index_of(std::int64_t value_ns) {
    if (value_ns < 0) {
      return 0;
    }
    auto value = static_cast<std::uint64_t>(value_ns);
    if (value >> value_bits != 0) {
      value = (std::uint64_t{1} << value_bits) - 1;
    }
    if (value < std::uint64_t{2} << precision_bits) {
      return value;
    }
    // The highest set bit selects the octave, the next 7 bits the bucket in it.
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - precision_bits;
    return (std::size_t{shift} << precision_bits) + (value >> shift);
  }

  static constexpr std::int64_t upper_end_of(std::size_t index) {
    if (index < std::size_t{2} << precision_bits) {
      return static_cast<std::int64_t>(index);
    }
    const std::size_t shift = (index >> precision_bits) - 1;
    const std::size_t mantissa = index - (shift << precision_bits);
    return static_cast<std::int64_t>(((mantissa + 1) << shift) - 1);
  }

  static constexpr std::size_t bucket_count = std::size_t{value_bits - precision_bits + 1}
                                              << precision_bits;

  std::array<std::uint64_t, bucket_count> counts_{};
  std::uint64_t total_ = 0;
  std::int64_t largest_ = 0;
  std::int64_t sum_ = 0;
};

}  // namespace lepus::benchmarks
