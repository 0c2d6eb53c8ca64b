// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// FC and FCTransposed (operators/fully_connected_op.h): Y = X W^T + b. X is flattened at `axis`, W at `axis_w`; the
// bias is mandatory. A matrix product is a 1x1 convolution of 1x1 pictures, so it uses the same kernels.
#include "ops/conv_shape.h"

namespace mdeploy {

namespace {

void fully_connected(OpBuilder& b, bool transposed) {
  const Shape x = b.float_input(0);
  const Shape w = b.float_input(1);
  const Shape bias = b.float_input(2, 1);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", 1, x.rank() + 1);
  const int axis_w = b.axis_argument("axis_w", 1, w.rank() + 1);
  if (!b.ok()) return;
  const int64_t m = x.product(0, axis), k = x.product(axis, x.rank());
  const int64_t w_rows = w.product(0, axis_w), w_columns = w.product(axis_w, w.rank());
  const int64_t n = transposed ? w_columns : w_rows, w_k = transposed ? w_rows : w_columns;
  if (!b.require(k == w_k, "weights ", w, " need ", w_k, " values a row, found ", k, " in input ", x) ||
      !b.require(bias[0] == n, "bias: expected ", n, " elements, found ", bias[0]) ||
      !b.require(n > 0 && k > 0, "weights ", w, " are empty")) {
    return;
  }
  Shape y;
  for (int i = 0; i < axis; ++i) y.push_back(x[i]);
  y.push_back(n);
  b.output(0, DType::kFloat, y);
  if (!b.ok()) return;

  ConvShape shape;
  shape.n = m;
  shape.c_in = k;
  shape.c_out = n;
  shape.h = shape.w = shape.out_h = shape.out_w = 1;
  b.macs(shape.macs());
  ConvOptions options = conv_options(b.node(), b.settings());
  options.winograd = false;
  if (!transposed) {
    b.kernel([&node = b.node(), shape, options] { return conv_kernel(node, shape, options); });
    return;
  }
  // Old and rare, so the plain loops do.
  b.run([=](RunContext& c) {
    const float* in = c.in<float>(0);
    const float* weights = c.in<float>(1);
    const float* offsets = c.in<float>(2);
    float* out = c.out<float>(0);
    c.pool.parallel_for(m * n, [=](int64_t job, int) {
      const int64_t row = job / n, column = job % n;
      double sum = offsets[column];
      for (int64_t i = 0; i < k; ++i) sum += static_cast<double>(in[row * k + i]) * weights[i * n + column];
      out[job] = static_cast<float>(sum);
    });
  });
}

}  // namespace

void op_fc(OpBuilder& b) { fully_connected(b, false); }
void op_fc_transposed(OpBuilder& b) { fully_connected(b, true); }

}  // namespace mdeploy
