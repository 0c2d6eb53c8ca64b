// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// ArgMax, ArgMin, TopK, Where and Conditional (operators/arg_ops.h, top_k.cc, elementwise_logical_ops.h).
#include <algorithm>
#include <cstring>
#include <numeric>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

// The first of equal extremes; a NaN is taken where it is met.
void arg_extreme(OpBuilder& b, bool largest) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", -1, x.rank());
  const bool keep_dims = b.bool_argument("keepdims", true);
  if (!b.ok() || !b.require(x[axis] > 0, "axis ", axis, " of ", x, " is empty")) return;
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) y.push_back(x[i]);
    if (i == axis && keep_dims) y.push_back(1);
  }
  b.output(0, DType::kInt64, y);
  b.run([=, outer = x.product(0, axis), n = x[axis], inner = x.product(axis + 1, x.rank())](RunContext& c) {
    const float* in = c.in<float>(0);
    int64_t* out = c.out<int64_t>(0);
    for_jobs(c.pool, outer * inner, n, [=, n = n, inner = inner](int64_t job) {
      const float* column = in + job / inner * n * inner + job % inner;
      int64_t best = 0;
      for (int64_t i = 1; i < n && column[best * inner] == column[best * inner]; ++i) {
        const float v = column[i * inner], top = column[best * inner];
        if ((largest ? v > top : v < top) || v != v) best = i;
      }
      out[job] = best;
    });
  });
}

}  // namespace

void op_arg_max(OpBuilder& b) { arg_extreme(b, true); }
void op_arg_min(OpBuilder& b) { arg_extreme(b, false); }

// Values from large to small, of equal ones the first; their indices along the axis; their indices in the whole input.
void op_top_k(OpBuilder& b) {
  const Shape x = b.float_input(0);
  if (!b.ok()) return;
  const int axis = b.axis_argument("axis", -1, x.rank());
  int64_t k = b.int_argument("k", -1);
  if (!b.ok()) return;
  if (b.input_count() > 1) {
    const std::vector<int64_t> value = b.constant_ints(1, "k");
    if (!b.ok() || !b.require(value.size() == 1, "k: expected one element, found ", value.size())) return;
    k = value[0];
  }
  if (!b.require(k > 0 && k <= x[axis], "k ", k, " is out of range for axis ", axis, " of ", x)) return;
  Shape y = x;
  y[axis] = k;
  b.output(0, DType::kFloat, y);
  b.output(1, DType::kInt64, y);
  if (b.output_count() > 2) b.output(2, DType::kInt64, {y.elements()});
  const int64_t n = x[axis], inner = x.product(axis + 1, x.rank());
  b.kernel([=, outer = x.product(0, axis), outputs = b.output_count()] {
    Kernel kernel;
    kernel.run = [=](RunContext& c) {
      const float* in = c.in<float>(0);
      float* values = c.out<float>(0);
      int64_t* indices = c.out<int64_t>(1);
      int64_t* flat = outputs > 2 ? c.out<int64_t>(2) : nullptr;
      auto* order = static_cast<int64_t*>(c.scratch);
      for (int64_t job = 0; job < outer * inner; ++job) {
        const int64_t first = job / inner * n * inner + job % inner;
        const int64_t target = job / inner * k * inner + job % inner;
        std::iota(order, order + n, int64_t{0});
        // NaN counts as the largest, so that the order stays a strict one.
        std::partial_sort(order, order + k, order + n, [=](int64_t i, int64_t j) {
          const float a = in[first + i * inner], d = in[first + j * inner];
          const bool a_nan = a != a, d_nan = d != d;
          if (a_nan != d_nan) return a_nan;
          if (!a_nan && a != d) return a > d;
          return i < j;
        });
        for (int64_t i = 0; i < k; ++i) {
          const int64_t from = first + order[i] * inner, to = target + i * inner;
          if (values != nullptr) values[to] = in[from];
          if (indices != nullptr) indices[to] = order[i];
          if (flat != nullptr) flat[to] = from;
        }
      }
    };
    kernel.scratch_bytes = [n](int) { return static_cast<size_t>(n) * sizeof(int64_t); };
    return kernel;
  });
}

namespace {

// out[i] = condition[i / run] ? a[i] : b[i], for runs of `bytes` bytes.
void choose_runs(OpBuilder& b, int64_t count, size_t bytes) {
  b.run([=](RunContext& c) {
    const bool* condition = c.in<bool>(0);
    for (int64_t i = 0; i < count; ++i) {
      const size_t offset = static_cast<size_t>(i) * bytes;
      const char* from = c.in<char>(condition[i] ? 1 : 2) + offset;
      if (bytes > 0) std::memcpy(c.out<char>(0) + offset, from, bytes);
    }
  });
}

bool check_choice(OpBuilder& b) {
  return b.require(b.input(0).dtype == DType::kBool, "the condition: expected bool, found ",
                   dtype_name(b.input(0).dtype)) &&
         b.require(b.input(1) == b.input(2), "the choices differ: ", dtype_name(b.input(1).dtype), " ", b.shape(1),
                   " and ", dtype_name(b.input(2).dtype), " ", b.shape(2)) &&
         b.require(dtype_size(b.input(1).dtype) > 0, "choices of type ", dtype_name(b.input(1).dtype));
}

}  // namespace

// Element by element, or with broadcast_on_rows=1 row by row.
void op_where(OpBuilder& b) {
  const bool rows = b.bool_argument("broadcast_on_rows", false);
  if (!b.ok() || !check_choice(b)) return;
  const Shape& x = b.shape(1);
  const size_t size = dtype_size(b.input(1).dtype);
  if (rows) {
    if (!b.require(x.rank() >= 1 && b.shape(0).elements() == x[0], "the condition ", b.shape(0),
                   " does not have one element for each row of ", x)) {
      return;
    }
    b.output(0, b.input(1).dtype, x);
    return choose_runs(b, x[0], static_cast<size_t>(x.product(1, x.rank())) * size);
  }
  if (!b.require(b.shape(0) == x, "the condition ", b.shape(0), " does not have the shape of the choices, ", x)) return;
  b.output(0, b.input(1).dtype, x);
  choose_runs(b, x.elements(), size);
}

void op_conditional(OpBuilder& b) {
  if (!check_choice(b)) return;
  const Shape& x = b.shape(1);
  if (!b.require(x.rank() >= 1 && b.shape(0).elements() == x[0], "the condition ", b.shape(0),
                 " does not have one element for each row of ", x)) {
    return;
  }
  b.output(0, b.input(1).dtype, x);
  choose_runs(b, x[0], static_cast<size_t>(x.product(1, x.rank())) * dtype_size(b.input(1).dtype));
}

}  // namespace mdeploy
