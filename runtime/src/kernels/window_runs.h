// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Cuts a row of outputs of a sliding window into runs that see the same taps: one by one at the borders, the inside as
// one run.
#ifndef MDEPLOY_KERNELS_WINDOW_RUNS_H_
#define MDEPLOY_KERNELS_WINDOW_RUNS_H_

#include <algorithm>
#include <cstdint>

namespace mdeploy {

struct WindowAxis {
  int64_t size = 0, kernel = 1, stride = 1, dilation = 1, pad = 0;

  // Taps [begin, end) of output `o` that lie inside.
  void taps(int64_t o, int64_t* begin, int64_t* end) const {
    const int64_t first = o * stride - pad;
    *begin = first >= 0 ? 0 : std::min(kernel, (-first + dilation - 1) / dilation);
    *end = first >= size ? 0 : std::min(kernel, (size - first + dilation - 1) / dilation);
    *end = std::max(*begin, *end);
  }
};

// Calls run(first, count, tap_begin, tap_end) in order; the tap range may be empty.
template <typename F>
void for_each_window_run(const WindowAxis& axis, int64_t outputs, F&& run) {
  for (int64_t o = 0; o < outputs;) {
    int64_t begin, end;
    axis.taps(o, &begin, &end);
    int64_t count = 1;
    if (begin == 0 && end == axis.kernel) {
      // The last output whose last tap is inside.
      const int64_t reach = axis.size - 1 - (axis.kernel - 1) * axis.dilation + axis.pad;
      count = std::max<int64_t>(1, std::min(outputs, reach / axis.stride + 1) - o);
    }
    run(o, count, begin, end);
    o += count;
  }
}

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_WINDOW_RUNS_H_
