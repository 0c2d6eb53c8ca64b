// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Statistics of latency samples.
#ifndef MDEPLOY_HARNESS_RUN_STATISTICS_H_
#define MDEPLOY_HARNESS_RUN_STATISTICS_H_

#include <cstddef>
#include <vector>

namespace mdeploy::harness {

struct Summary {
  double mean = 0, std = 0;  // population standard deviation
  double min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};

// Linear interpolation between closest ranks, position fraction * (n - 1): numpy's default method. `sorted` is
// ascending and not empty.
double percentile(const std::vector<double>& sorted, double fraction);
double median(std::vector<double> samples);

// All figures of samples that are not empty.
Summary summarize(const std::vector<double>& samples);

// Indices of samples whose modified z-score, 0.6745 |x - median| / MAD, is above 3.5 (Iglewicz and Hoaglin) and which
// are more than 5 % off the median: very even samples would otherwise flag jitter that nobody cares about.
std::vector<size_t> outliers(const std::vector<double>& samples);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_STATISTICS_H_
