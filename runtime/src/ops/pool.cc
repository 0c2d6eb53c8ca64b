// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// MaxPool and AveragePool (operators/pool_op.cc; docs/caffe2.md section 5).
//   Padding never takes part in a maximum. An average divides by the elements of the window inside the picture, or by
//   the whole window where count_include_pad=1. `ceil_mode` does not exist: Caffe2 ignores it.
#include <limits>

#include "kernels/pool.h"
#include "ops/window.h"

namespace mdeploy {
namespace {

void pool(OpBuilder& b, PoolKind kind) {
  const Shape x = b.float_input(0, 4);
  Window window;
  const bool count_padding = b.bool_argument("count_include_pad", false);
  if (!b.ok() || !read_window(b, &window)) return;
  PoolShape s;
  if (window.global) {
    window.kernel_h = x[2];
    window.kernel_w = x[3];
  } else {
    if (!b.require(window.dilation_h == 1 && window.dilation_w == 1, "pooling does not support dilation") ||
        !b.require(std::max(window.pad_t, window.pad_b) < window.kernel_h &&
                       std::max(window.pad_l, window.pad_r) < window.kernel_w,
                   "a pad is not smaller than the kernel")) {
      return;
    }
  }
  if (!b.require(x[2] > 0 && x[3] > 0, "an empty picture ", x) || !resolve_window(b, x, &window, &s)) return;
  b.output(0, DType::kFloat, {x[0], x[1], s.out_h, s.out_w});
  if (!b.ok()) return;
  s.c = x[1];
  s.count_padding = count_padding;
  b.run([s, kind, isa = b.settings().isa, in = b.layout(0), out = b.output_layout(0)](RunContext& c) {
    run_pool(kind, s, isa, in, out, c.in<float>(0), c.out<float>(0), c.pool);
  });
}

}  // namespace

void op_max_pool(OpBuilder& b) { pool(b, PoolKind::kMax); }
void op_average_pool(OpBuilder& b) { pool(b, PoolKind::kAverage); }

}  // namespace mdeploy
