// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Softmax (operators/softmax_op.h): flattens to [0, axis) x [axis, end) and normalises over everything from the axis
// on, as ONNX did before opset 13. LogSoftmax is what the pass of that name makes of ReduceMax, Sub, Exp, ReduceSum,
// Log, Sub.
#include <cmath>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

struct RowStatistics {
  float largest;
  double sum;
};

RowStatistics row_statistics(const float* x, int64_t n) {
  RowStatistics s{x[0], 0.0};
  for (int64_t i = 1; i < n; ++i) {
    if (x[i] > s.largest || x[i] != x[i]) s.largest = x[i];
  }
  for (int64_t i = 0; i < n; ++i) s.sum += std::exp(x[i] - s.largest);
  return s;
}

}  // namespace

void op_softmax(OpBuilder& b) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", 1, x.rank());
  if (!b.ok()) return;
  b.output(0, DType::kFloat, x);
  b.may_overwrite(0);
  b.run([rows = x.product(0, axis), n = x.product(axis, x.rank())](RunContext& c) {
    const float* in = c.in<float>(0);
    float* out = c.out<float>(0);
    if (n == 0) return;
    for_jobs(c.pool, rows, n, [=, n = n](int64_t row) {
      const float* px = in + row * n;
      float* py = out + row * n;
      const RowStatistics s = row_statistics(px, n);
      for (int64_t i = 0; i < n; ++i) py[i] = static_cast<float>(std::exp(px[i] - s.largest) / s.sum);
    });
  });
}

// Internal. parameters[0]: the axis, which is the only one that is summed over.
void op_log_softmax(OpBuilder& b) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = static_cast<int>(b.node().parameters[0]);
  b.output(0, DType::kFloat, x);
  b.run([outer = x.product(0, axis), n = x[axis], inner = x.product(axis + 1, x.rank())](RunContext& c) {
    const float* in = c.in<float>(0);
    float* out = c.out<float>(0);
    if (n == 0) return;
    for_jobs(c.pool, outer * inner, n, [=, n = n, inner = inner](int64_t job) {
      const int64_t first = job / inner * n * inner + job % inner;
      float largest = in[first];
      for (int64_t i = 1; i < n; ++i) {
        const float v = in[first + i * inner];
        if (v > largest || v != v) largest = v;
      }
      double sum = 0.0;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(in[first + i * inner] - largest);
      const float log_sum = static_cast<float>(std::log(sum));
      for (int64_t i = 0; i < n; ++i) out[first + i * inner] = in[first + i * inner] - largest - log_sum;
    });
  });
}

}  // namespace mdeploy
