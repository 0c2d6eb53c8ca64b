// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/pool.h"

#include <algorithm>
#include <limits>

#include "kernels/blocked_conv.h"
#include "kernels/isa_kernels.h"
#include "kernels/window_runs.h"

namespace mdeploy {
namespace {

constexpr int64_t kParallelTaps = 1 << 18;

void pool_row(PoolKind kind, const PoolShape& s, const IsaKernels& isa, const float* plane, int64_t oh, float* y) {
  const WindowAxis vertical = {s.h, s.kh, s.stride_h, 1, s.pad_t}, horizontal = {s.w, s.kw, s.stride_w, 1, s.pad_l};
  int64_t row_begin, row_end;
  vertical.taps(oh, &row_begin, &row_end);
  WindowArgs args;
  args.x_step = s.stride_w * kChannelBlock;
  args.rows = row_end - row_begin;
  args.tap_row = s.w * kChannelBlock;
  args.tap_col = kChannelBlock;
  const int64_t ih = oh * s.stride_h - s.pad_t + row_begin;
  for_each_window_run(horizontal, s.out_w, [&](int64_t ow, int64_t count, int64_t begin, int64_t end) {
    const int64_t inside = args.rows * (end - begin);
    float* to = y + ow * kChannelBlock;
    if (inside == 0) {  // a window that lies wholly in the padding
      std::fill_n(to, count * kChannelBlock, kind == PoolKind::kMax ? -std::numeric_limits<float>::infinity() : 0.0f);
      return;
    }
    args.x = plane + (ih * s.w + ow * s.stride_w - s.pad_l + begin) * kChannelBlock;
    args.count = count;
    args.cols = end - begin;
    args.y = to;
    args.scale = 1.0f / static_cast<float>(s.count_padding ? s.kh * s.kw : inside);
    (kind == PoolKind::kMax ? isa.pool_max : isa.pool_average)(args);
  });
}

}  // namespace

void run_pool(PoolKind kind, const PoolShape& s, Isa set, Layout input, Layout output, const float* x, float* y,
              ThreadPool& pool) {
  const IsaKernels* isa = isa_kernels(set);
  // Whole blocks of one pixel are the same in both layouts: a global average may be plain, as an FC wants it.
  if (s.c % kChannelBlock == 0 && s.h * s.w == 1) input = Layout::blocked(kChannelBlock);
  if (s.c % kChannelBlock == 0 && s.out_h * s.out_w == 1) output = Layout::blocked(kChannelBlock);
  if (isa == nullptr || input.block != kChannelBlock || output.block != kChannelBlock) {
    pool_reference(kind, s, input, output, x, y, pool);
    return;
  }
  // Blocks of all pictures follow each other; lanes beyond the last channel are pooled zeros.
  const int64_t blocks = s.n * input.padded_channels(s.c) / kChannelBlock, rows = blocks * s.out_h;
  const bool parallel = rows * s.out_w * s.kh * s.kw * kChannelBlock >= kParallelTaps;
  pool.parallel_for(rows, parallel ? ceil_div(rows, 8 * pool.size()) : rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t block = row / s.out_h, oh = row % s.out_h;
      pool_row(kind, s, *isa, x + block * s.h * s.w * kChannelBlock, oh, y + row * s.out_w * kChannelBlock);
    }
  });
}

}  // namespace mdeploy
