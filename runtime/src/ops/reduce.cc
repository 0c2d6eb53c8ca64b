// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Reductions (operators/reduce_ops.h; docs/caffe2.md section 5). Sums are in double precision.
#include <cmath>
#include <limits>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

enum class Reduction { kSum, kMean, kMax, kMin, kL1, kL2 };

template <typename T>
struct Accumulator {
  using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  Reduction kind;
  Wide wide = 0;
  T extreme{};
  bool first = true;

  void add(T v) {
    switch (kind) {
      case Reduction::kSum:
      case Reduction::kMean: add_wide(static_cast<Wide>(v)); break;
      case Reduction::kL1: add_wide(v < T{0} ? -static_cast<Wide>(v) : static_cast<Wide>(v)); break;
      case Reduction::kL2: add_wide(static_cast<Wide>(v) * static_cast<Wide>(v)); break;
      case Reduction::kMax:
        if (first || v > extreme || v != v) extreme = v;
        break;
      case Reduction::kMin:
        if (first || v < extreme || v != v) extreme = v;
        break;
    }
    first = false;
  }
  void add_wide(Wide v) {
    if constexpr (std::is_floating_point_v<T>) {
      wide += v;
    } else {  // wraps
      wide = static_cast<Wide>(static_cast<uint64_t>(wide) + static_cast<uint64_t>(v));
    }
  }
  T result(int64_t count) const {
    switch (kind) {
      case Reduction::kMean: return count > 0 ? static_cast<T>(wide / static_cast<Wide>(count)) : T{};
      case Reduction::kMax:
      case Reduction::kMin: return extreme;
      case Reduction::kL2: return static_cast<T>(std::sqrt(static_cast<double>(wide)));
      default: return static_cast<T>(wide);
    }
  }
};

// Dimensions in two groups, kept and reduced, neighbours merged, with their strides in the input.
struct ReduceWalk {
  Shape kept, kept_strides, reduced, reduced_strides;

  ReduceWalk(const Shape& x, const bool* is_reduced) {
    int64_t stride = 1;
    std::array<int64_t, Shape::kMaxRank> strides{};
    for (int i = x.rank() - 1; i >= 0; --i) {
      strides[static_cast<size_t>(i)] = stride;
      stride *= x[i];
    }
    for (int i = 0; i < x.rank(); ++i) {
      Shape& dims = is_reduced[i] ? reduced : kept;
      Shape& steps = is_reduced[i] ? reduced_strides : kept_strides;
      if (i > 0 && is_reduced[i] == is_reduced[i - 1]) {
        dims[dims.rank() - 1] *= x[i];
        steps[steps.rank() - 1] = strides[static_cast<size_t>(i)];
      } else {
        dims.push_back(x[i]);
        steps.push_back(strides[static_cast<size_t>(i)]);
      }
    }
  }

  static int64_t offset(int64_t index, const Shape& dims, const Shape& strides) {
    int64_t result = 0;
    for (int i = dims.rank() - 1; i >= 0; --i) {
      result += index % dims[i] * strides[i];
      index /= dims[i];
    }
    return result;
  }
};

template <typename T>
void run_reduction(OpBuilder& b, Reduction kind, const bool* is_reduced) {
  b.run([kind, walk = ReduceWalk(b.shape(0), is_reduced)](RunContext& c) {
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    const int64_t count = walk.reduced.elements();
    // The innermost run of reduced elements has one stride.
    const int last = walk.reduced.rank() - 1;
    const int64_t run = last >= 0 ? walk.reduced[last] : 1;
    const int64_t step = last >= 0 ? walk.reduced_strides[last] : 0;
    for_jobs(c.pool, walk.kept.elements(), count, [&](int64_t job) {
      const T* base = x + ReduceWalk::offset(job, walk.kept, walk.kept_strides);
      Accumulator<T> sum{kind};
      for (int64_t r = 0; r < count; r += run) {
        const T* px = base + ReduceWalk::offset(r, walk.reduced, walk.reduced_strides);
        for (int64_t i = 0; i < run; ++i) sum.add(px[i * step]);
      }
      y[job] = sum.result(count);
    });
  });
}

void reduce(OpBuilder& b, Reduction kind, const bool* is_reduced, bool keep_dims) {
  const Shape x = b.shape(0);
  Shape y;
  int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (is_reduced[i]) count *= x[i];
    if (!is_reduced[i]) y.push_back(x[i]);
    if (is_reduced[i] && keep_dims) y.push_back(1);
  }
  const bool extreme = kind == Reduction::kMax || kind == Reduction::kMin;
  if (!b.require(!extreme || count > 0, "nothing to take the extreme of in ", x)) return;
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  switch (b.input(0).dtype) {
    case DType::kFloat: return run_reduction<float>(b, kind, is_reduced);
    default: break;
  }
  if (kind == Reduction::kL1 || kind == Reduction::kL2) return b.fail_unsupported("an input that is not float32");
  switch (b.input(0).dtype) {
    case DType::kDouble: return run_reduction<double>(b, kind, is_reduced);
    case DType::kInt32: return run_reduction<int32_t>(b, kind, is_reduced);
    case DType::kInt64: return run_reduction<int64_t>(b, kind, is_reduced);
    default: b.fail_unsupported("an input of type ", dtype_name(b.input(0).dtype));
  }
}

void reduce_axes(OpBuilder& b, Reduction kind) {
  const int rank = b.shape(0).rank();
  const std::vector<int64_t> axes = b.ints_argument("axes");
  const bool keep_dims = b.bool_argument("keepdims", true);
  bool is_reduced[Shape::kMaxRank] = {};
  for (int i = 0; i < rank && axes.empty(); ++i) is_reduced[i] = true;
  for (int64_t axis : axes) {
    const int k = b.check_axis(axis, rank, "axis");
    if (!b.ok()) return;
    is_reduced[k] = true;
  }
  if (b.ok()) reduce(b, kind, is_reduced, keep_dims);
}

// The argument that is read is num_reduce_dim; num_reduce_dims, which the schema documents, is ignored.
void reduce_side(OpBuilder& b, Reduction kind, bool front) {
  const int rank = b.shape(0).rank();
  const int count = b.int32_argument("num_reduce_dim", 1);
  if (!b.ok() ||
      !b.require(count >= 0 && count <= rank, "num_reduce_dim ", count, " is out of range for ", rank, " dimensions")) {
    return;
  }
  if (b.input_count() > 1) return b.fail_unsupported("a second input with lengths");
  bool is_reduced[Shape::kMaxRank] = {};
  for (int i = 0; i < count; ++i) is_reduced[front ? i : rank - 1 - i] = true;
  reduce(b, kind, is_reduced, false);
}

}  // namespace

void op_reduce_sum(OpBuilder& b) { reduce_axes(b, Reduction::kSum); }
void op_reduce_mean(OpBuilder& b) { reduce_axes(b, Reduction::kMean); }
void op_reduce_max(OpBuilder& b) { reduce_axes(b, Reduction::kMax); }
void op_reduce_min(OpBuilder& b) { reduce_axes(b, Reduction::kMin); }
void op_reduce_l1(OpBuilder& b) { reduce_axes(b, Reduction::kL1); }
void op_reduce_l2(OpBuilder& b) { reduce_axes(b, Reduction::kL2); }

void op_reduce_front_sum(OpBuilder& b) { reduce_side(b, Reduction::kSum, true); }
void op_reduce_front_mean(OpBuilder& b) { reduce_side(b, Reduction::kMean, true); }
void op_reduce_front_max(OpBuilder& b) { reduce_side(b, Reduction::kMax, true); }
void op_reduce_back_sum(OpBuilder& b) { reduce_side(b, Reduction::kSum, false); }
void op_reduce_back_mean(OpBuilder& b) { reduce_side(b, Reduction::kMean, false); }
void op_reduce_back_max(OpBuilder& b) { reduce_side(b, Reduction::kMax, false); }

}  // namespace mdeploy
