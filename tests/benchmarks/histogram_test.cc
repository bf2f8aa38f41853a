#include "tests/benchmarks/histogram.h"

#include <gtest/gtest.h>

namespace lepus::benchmarks {

namespace {

TEST(HistogramTest, gives_zero_when_nothing_was_recorded) {
  const Histogram histogram;
  EXPECT_EQ(histogram.quantile_ns(0.5), 0);
  EXPECT_EQ(histogram.count(), 0U);
}

TEST(HistogramTest, is_exact_for_small_values) {
  Histogram histogram;
  for (int value = 1; value <= 200; ++value) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.quantile_ns(0.5), 100);
  EXPECT_EQ(histogram.quantile_ns(0.99), 198);
  EXPECT_EQ(histogram.quantile_ns(1), 200);
}

TEST(HistogramTest, is_within_a_128th_for_every_size_of_value) {
  for (std::int64_t value = 256; value < std::int64_t{1} << 41; value += 1 + value / 37) {
    Histogram histogram;
    histogram.record(value);
    histogram.record(std::int64_t{1} << 41);
    const std::int64_t found = histogram.quantile_ns(0.5);
    ASSERT_GE(found, value);
    ASSERT_LE(found, value + value / 128) << value;
  }
}

TEST(HistogramTest, counts_negative_and_huge_values_at_its_ends) {
  Histogram histogram;
  histogram.record(-5);
  histogram.record(INT64_MAX / 4);
  EXPECT_EQ(histogram.quantile_ns(0.5), 0);
  EXPECT_EQ(histogram.max_ns(), INT64_MAX / 4);
}

TEST(HistogramTest, weighs_by_count_and_merges) {
  Histogram histogram;
  histogram.record(10, 99);
  Histogram other;
  other.record(1000);
  histogram.merge(other);
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_EQ(histogram.quantile_ns(0.99), 10);
  EXPECT_EQ(histogram.quantile_ns(0.999), 1000);
  EXPECT_DOUBLE_EQ(histogram.mean_ns(), 19.9);
}

}  // namespace

}  // namespace lepus::benchmarks
