// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "kernels/pool.h"

namespace mdeploy {
namespace {

// One channel of one picture: element (r, q) is at (r * w + q) * step.
void pool_channel(PoolKind kind, const PoolShape& s, const float* x, int64_t x_step, float* y, int64_t y_step) {
  for (int64_t oh = 0; oh < s.out_h; ++oh) {
    const int64_t top = oh * s.stride_h - s.pad_t;
    const int64_t r0 = std::max<int64_t>(top, 0), r1 = std::min(top + s.kh, s.h);
    for (int64_t ow = 0; ow < s.out_w; ++ow) {
      const int64_t left = ow * s.stride_w - s.pad_l;
      const int64_t q0 = std::max<int64_t>(left, 0), q1 = std::min(left + s.kw, s.w);
      float result = 0.0f;
      if (kind == PoolKind::kMax) {
        result = -std::numeric_limits<float>::infinity();
        for (int64_t r = r0; r < r1; ++r) {
          for (int64_t q = q0; q < q1; ++q) {
            const float v = x[(r * s.w + q) * x_step];
            if (v > result || v != v) result = v;  // a NaN stays
          }
        }
      } else {
        double sum = 0.0;
        for (int64_t r = r0; r < r1; ++r) {
          for (int64_t q = q0; q < q1; ++q) sum += x[(r * s.w + q) * x_step];
        }
        const int64_t inside = std::max<int64_t>((r1 - r0) * (q1 - q0), 1);
        result = static_cast<float>(sum / static_cast<double>(s.count_padding ? s.kh * s.kw : inside));
      }
      y[(oh * s.out_w + ow) * y_step] = result;
    }
  }
}

}  // namespace

void pool_reference(PoolKind kind, const PoolShape& s, Layout input, Layout output, const float* x, float* y,
                    ThreadPool& pool) {
  const int64_t channels = output.padded_channels(s.c);
  pool.parallel_for(s.n * channels, [&](int64_t job, int) {
    const int64_t n = job / channels, c = job % channels;
    float* py = y + n * output.picture_size(s.c, s.out_h, s.out_w) +
                (c / output.block) * s.out_h * s.out_w * output.block + c % output.block;
    if (c >= s.c) {
      for (int64_t i = 0; i < s.out_h * s.out_w; ++i) py[i * output.block] = 0.0f;
      return;
    }
    const float* px =
        x + n * input.picture_size(s.c, s.h, s.w) + (c / input.block) * s.h * s.w * input.block + c % input.block;
    pool_channel(kind, s, px, input.block, py, output.block);
  });
}

}  // namespace mdeploy
