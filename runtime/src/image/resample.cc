// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/resample.h"

#include <algorithm>
#include <cmath>

namespace mdeploy {
namespace {

double triangle(double x) { return std::max(0.0, 1.0 - std::fabs(x)); }

}  // namespace

ResampleTable make_resample_table(mdeploy_resize_mode mode, int64_t in, int64_t out, int64_t begin, int64_t n) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const bool nearest = mode == MDEPLOY_NEAREST || in == out;
  const double widening = std::max(scale, 1.0);
  ResampleTable table;
  table.width = nearest ? 1 : 2 * static_cast<int64_t>(std::ceil(widening)) + 1;
  table.first.resize(n);
  table.count.resize(n);
  table.weights.assign(n * table.width, 0.0f);
  std::vector<double> line(table.width);
  for (int64_t i = 0; i < n; ++i) {
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    if (nearest) {
      table.first[i] = std::clamp<int64_t>(static_cast<int64_t>(center), 0, in - 1);
      table.count[i] = 1;
      table.weights[i] = 1.0f;
      continue;
    }
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(center - widening + 0.5));
    const int64_t last = std::min(in, static_cast<int64_t>(center + widening + 0.5));
    const int64_t count = std::clamp<int64_t>(last - first, 1, table.width);
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      line[k] = triangle((static_cast<double>(first + k) - center + 0.5) / widening);
      sum += line[k];
    }
    table.first[i] = std::min(first, in - count);
    table.count[i] = count;
    for (int64_t k = 0; k < count; ++k) {
      table.weights[i * table.width + k] = static_cast<float>(sum > 0 ? line[k] / sum : 1.0 / count);
    }
  }
  return table;
}

}  // namespace mdeploy
