// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/statistics.h"

#include <algorithm>
#include <cmath>

namespace mdeploy::harness {

double percentile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return percentile(samples, 0.5);
}

Summary summarize(const std::vector<double>& samples) {
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const double count = static_cast<double>(sorted.size());
  double sum = 0;
  for (const double sample : sorted) sum += sample;
  Summary summary;
  summary.mean = sum / count;
  double squares = 0;
  for (const double sample : sorted) squares += (sample - summary.mean) * (sample - summary.mean);
  summary.std = std::sqrt(squares / count);
  summary.min = sorted.front();
  summary.p50 = percentile(sorted, 0.5);
  summary.p90 = percentile(sorted, 0.9);
  summary.p99 = percentile(sorted, 0.99);
  summary.max = sorted.back();
  return summary;
}

std::vector<size_t> outliers(const std::vector<double>& samples) {
  std::vector<size_t> found;
  if (samples.size() < 5) return found;  // too few to say what is usual
  const double center = median(samples);
  std::vector<double> deviations;
  for (const double sample : samples) deviations.push_back(std::fabs(sample - center));
  const double mad = median(deviations);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (0.6745 * deviations[i] > 3.5 * mad && deviations[i] > 0.05 * center) found.push_back(i);
  }
  return found;
}

}  // namespace mdeploy::harness
