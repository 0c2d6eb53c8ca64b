// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// InstanceNorm, GroupNorm, LayerNorm and Normalize (docs/caffe2.md section 5). Sums are in double precision.
#include <cmath>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

struct Moments {
  double mean = 0.0, variance = 0.0;
};

Moments moments(const float* x, int64_t n) {
  Moments m;
  for (int64_t i = 0; i < n; ++i) m.mean += x[i];
  m.mean /= static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) m.variance += (x[i] - m.mean) * (x[i] - m.mean);
  m.variance /= static_cast<double>(n);
  return m;
}

bool check_vectors(OpBuilder& b, int64_t channels) {
  for (int i = 1; i <= 2; ++i) {
    const Shape& v = b.float_input(i, 1);
    if (!b.ok() || !b.require(v[0] == channels, "input ", i, ": expected ", channels, " elements, found ", v[0])) {
      return false;
    }
  }
  return true;
}

// Normalises each run of `run` elements; the channel of an element is its index / inner % channels. Outputs 1 and 2,
// where they exist, are the mean and the inverse deviation of each run.
void normalize_runs(OpBuilder& b, int64_t runs, int64_t run, int64_t inner, int64_t channels, float epsilon,
                    const Shape& statistics) {
  b.output(0, DType::kFloat, b.shape(0));
  for (int i = 1; i < b.output_count(); ++i) b.output(i, DType::kFloat, statistics);
  b.run([=, outputs = b.output_count()](RunContext& c) {
    const float *x = c.in<float>(0), *scale = c.in<float>(1), *bias = c.in<float>(2);
    float* y = c.out<float>(0);
    float* means = outputs > 1 ? c.out<float>(1) : nullptr;
    float* inverses = outputs > 2 ? c.out<float>(2) : nullptr;
    for_jobs(c.pool, runs, run, [=](int64_t job) {
      const Moments m = moments(x + job * run, run);
      const double inverse = 1.0 / std::sqrt(m.variance + epsilon);
      for (int64_t i = job * run; y != nullptr && i < (job + 1) * run; ++i) {
        const int64_t k = i / inner % channels;
        y[i] = static_cast<float>((x[i] - m.mean) * inverse * scale[k] + bias[k]);
      }
      if (means != nullptr) means[job] = static_cast<float>(m.mean);
      if (inverses != nullptr) inverses[job] = static_cast<float>(inverse);
    });
  });
}

}  // namespace

void op_instance_norm(OpBuilder& b) {
  const Shape x = b.float_input(0);
  const float epsilon = b.float_argument("epsilon", 1e-5f);
  if (!b.ok() || !b.require(x.rank() >= 3, "expected at least 3 dimensions, found shape ", x) ||
      !check_vectors(b, x[1])) {
    return;
  }
  const int64_t inner = x.product(2, x.rank());
  normalize_runs(b, x[0] * x[1], inner, inner, x[1], epsilon, {x[0], x[1]});
}

// The code reads `group`; `num_groups`, which the schema documents, is ignored.
void op_group_norm(OpBuilder& b) {
  const Shape x = b.float_input(0);
  const int64_t groups = b.int32_argument("group", 32);
  const float epsilon = b.float_argument("epsilon", 1e-5f);
  if (!b.ok() || !b.require(x.rank() >= 2, "expected at least 2 dimensions, found shape ", x) ||
      !b.require(groups > 0 && x[1] % groups == 0, "group ", groups, " does not divide the ", x[1], " channels") ||
      !check_vectors(b, x[1])) {
    return;
  }
  const int64_t inner = x.product(2, x.rank());
  normalize_runs(b, x[0] * groups, x[1] / groups * inner, inner, x[1], epsilon, {x[0], groups});
}

// Outputs: Y, mean, standard deviation. With elementwise_affine, inputs 1 and 2 scale and shift each element of a row.
void op_layer_norm(OpBuilder& b) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", 1, x.rank());
  const float epsilon = b.float_argument("epsilon", 1e-5f);
  const bool affine = b.bool_argument("elementwise_affine", false);
  if (!b.ok()) return;
  const int64_t rows = x.product(0, axis), columns = x.product(axis, x.rank());
  if (!b.require(columns > 0, "rows are empty: ", x)) return;
  if (affine) {
    if (!b.require(b.input_count() == 3, "elementwise_affine=1 needs 3 inputs, found ", b.input_count())) return;
    for (int i = 1; i <= 2; ++i) {
      const int64_t found = b.float_input(i).elements();
      if (!b.ok() || !b.require(found == columns, "input ", i, ": expected ", columns, " elements, found ", found))
        return;
    }
  }
  Shape statistics;
  for (int i = 0; i < axis; ++i) statistics.push_back(x[i]);
  statistics.push_back(1);
  b.output(0, DType::kFloat, x);
  for (int i = 1; i < b.output_count(); ++i) b.output(i, DType::kFloat, statistics);
  b.run([=, outputs = b.output_count()](RunContext& c) {
    const float* in = c.in<float>(0);
    const float* scale = affine ? c.in<float>(1) : nullptr;
    const float* bias = affine ? c.in<float>(2) : nullptr;
    float* y = c.out<float>(0);
    float* means = outputs > 1 ? c.out<float>(1) : nullptr;
    float* deviations = outputs > 2 ? c.out<float>(2) : nullptr;
    for_jobs(c.pool, rows, columns, [=](int64_t row) {
      const Moments m = moments(in + row * columns, columns);
      const double deviation = std::sqrt(m.variance + epsilon);
      for (int64_t i = 0; y != nullptr && i < columns; ++i) {
        const double v = (in[row * columns + i] - m.mean) / deviation;
        y[row * columns + i] = static_cast<float>(affine ? v * scale[i] + bias[i] : v);
      }
      if (means != nullptr) means[row] = static_cast<float>(m.mean);
      if (deviations != nullptr) deviations[row] = static_cast<float>(deviation);
    });
  });
}

// Divides by the L2 norm along an axis, which counts as 1e-12 at least (operators/normalize_op.h).
void op_normalize(OpBuilder& b) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", -1, x.rank());
  if (!b.ok()) return;
  b.output(0, DType::kFloat, x);
  b.run([outer = x.product(0, axis), n = x[axis], inner = x.product(axis + 1, x.rank())](RunContext& c) {
    const float* in = c.in<float>(0);
    float* out = c.out<float>(0);
    for_jobs(c.pool, outer * inner, n, [=, n = n, inner = inner](int64_t job) {
      const int64_t first = job / inner * n * inner + job % inner;
      double sum = 0.0;
      for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(in[first + i * inner]) * in[first + i * inner];
      const double norm = std::max(std::sqrt(sum), 1e-12);
      for (int64_t i = 0; i < n; ++i) out[first + i * inner] = static_cast<float>(in[first + i * inner] / norm);
    });
  });
}

}  // namespace mdeploy
