// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mdeploy::harness {
namespace {

// Expected figures are numpy's: np.percentile(x, q), np.std(x).
TEST(Statistics, PercentilesAreNumpys) {
  const std::vector<double> samples = {3.5, 1.25, 9.0, 2.0, 7.75, 4.0, 4.5, 8.25, 1.0, 6.0};
  const Summary summary = summarize(samples);
  EXPECT_DOUBLE_EQ(summary.mean, 4.725);
  EXPECT_NEAR(summary.std, 2.7736483194521977, 1e-14);
  EXPECT_DOUBLE_EQ(summary.min, 1.0);
  EXPECT_DOUBLE_EQ(summary.p50, 4.25);
  EXPECT_NEAR(summary.p90, 8.325, 1e-14);
  EXPECT_NEAR(summary.p99, 8.9325, 1e-14);
  EXPECT_DOUBLE_EQ(summary.max, 9.0);
}

TEST(Statistics, OneSample) {
  const Summary summary = summarize({2.5});
  for (const double value : {summary.mean, summary.min, summary.p50, summary.p90, summary.p99, summary.max}) {
    EXPECT_DOUBLE_EQ(value, 2.5);
  }
  EXPECT_DOUBLE_EQ(summary.std, 0.0);
}

TEST(Statistics, MedianOfEvenAndOddCounts) {
  EXPECT_DOUBLE_EQ(median({4, 1, 3}), 3);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Statistics, OutliersAreFoundOnBothSides) {
  std::vector<double> samples;
  for (int i = 0; i < 30; ++i) samples.push_back(10 + 0.05 * (i % 5));
  samples[7] = 25;
  samples[20] = 4;
  EXPECT_EQ(outliers(samples), (std::vector<size_t>{7, 20}));
}

TEST(Statistics, EvenSamplesHaveNoOutliers) {
  std::vector<double> samples(50, 10.0);
  samples[3] = 10.3;  // MAD is zero, but three per cent are no outlier
  EXPECT_TRUE(outliers(samples).empty());
  samples[3] = 12.0;
  EXPECT_EQ(outliers(samples), std::vector<size_t>{3});
  EXPECT_TRUE(outliers({1, 1, 1, 50}).empty()) << "too few samples to say";
}

}  // namespace
}  // namespace mdeploy::harness
