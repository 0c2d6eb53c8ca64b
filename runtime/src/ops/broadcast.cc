// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ops/broadcast.h"

namespace mdeploy {

bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t da = ia >= 0 ? a[ia] : 1, db = ib >= 0 ? b[ib] : 1;
    if (da != db && da != 1 && db != 1) return false;
    result.push_back(da == 1 ? db : da);
  }
  *out = result;
  return true;
}

BroadcastWalk::BroadcastWalk(const Shape& a, const Shape& b, const Shape& out) {
  // From the last dimension to the first, merging a dimension into the one inside it where both operands go on evenly.
  std::array<int64_t, Shape::kMaxRank> d{}, sa{}, sb{};
  int n = 0;
  int64_t a_stride = 1, b_stride = 1;
  for (int i = out.rank() - 1; i >= 0; --i) {
    const int ia = i - (out.rank() - a.rank()), ib = i - (out.rank() - b.rank());
    const int64_t da = ia >= 0 ? a[ia] : 1, db = ib >= 0 ? b[ib] : 1;
    const int64_t step_a = da == 1 ? 0 : a_stride, step_b = db == 1 ? 0 : b_stride;
    a_stride *= da;
    b_stride *= db;
    const int64_t dim = out[i];
    if (dim == 1) continue;
    const auto last = static_cast<size_t>(n - 1);
    if (n > 0 && step_a == sa[last] * d[last] && step_b == sb[last] * d[last]) {
      d[last] *= dim;
    } else {
      const auto k = static_cast<size_t>(n++);
      d[k] = dim;
      sa[k] = step_a;
      sb[k] = step_b;
    }
  }
  rank = n;
  for (int i = 0; i < n; ++i) {
    const auto from = static_cast<size_t>(n - 1 - i), to = static_cast<size_t>(i);
    dims[to] = d[from];
    a_strides[to] = sa[from];
    b_strides[to] = sb[from];
  }
}

void BroadcastWalk::offsets(int64_t row, int64_t* a, int64_t* b) const {
  *a = 0;
  *b = 0;
  for (int i = rank - 2; i >= 0; --i) {
    const auto k = static_cast<size_t>(i);
    const int64_t index = row % dims[k];
    row /= dims[k];
    *a += index * a_strides[k];
    *b += index * b_strides[k];
  }
}

namespace {

// B lies against a run of A's dimensions that begins at `axis`; ones at either end of B do not count
// (ComputeLegacyBroadcastSizes in operators/elementwise_ops_utils.cc).
bool legacy_shapes(OpBuilder& builder, int64_t axis, BinaryShapes* s) {
  const Shape& a = s->a;
  const Shape b = s->b;
  s->out = a;
  if (b.elements() == 1) {
    s->b = Shape{};
    return true;
  }
  if (axis == -1) axis = a.rank() - b.rank();
  if (!builder.require(a.rank() >= b.rank() && axis >= 0 && axis + b.rank() <= a.rank(), "broadcast=1: shape ", b,
                       " does not lie within ", a, " from axis ", axis)) {
    return false;
  }
  int first = 0, last = b.rank() - 1;
  while (first < b.rank() && b[first] == 1) ++first;
  while (last >= first && b[last] == 1) --last;
  Shape aligned;
  for (int i = 0; i < a.rank(); ++i) {
    const int k = i - static_cast<int>(axis);
    const bool matched = k >= first && k <= last;
    if (matched &&
        !builder.require(a[i] == b[k], "broadcast=1: shape ", b, " does not match ", a, " from axis ", axis)) {
      return false;
    }
    aligned.push_back(matched ? b[k] : 1);
  }
  s->b = aligned;
  return true;
}

}  // namespace

bool binary_shapes(OpBuilder& builder, BinaryShapes* s) {
  s->a = builder.shape(0);
  s->b = builder.shape(1);
  const bool legacy = builder.bool_argument("broadcast", false);
  int64_t axis = builder.int_argument("axis", -1);
  const std::string_view axis_name = builder.string_argument("axis_str", "");
  const std::string_view order = builder.string_argument("order", "NCHW");
  if (!builder.ok()) return false;
  if (!legacy) {
    if (!builder.require(axis == -1 && axis_name.empty(), "axis without broadcast=1")) return false;
    return builder.require(broadcast_shapes(s->a, s->b, &s->out), "shapes ", s->a, " and ", s->b, " do not broadcast");
  }
  if (!axis_name.empty()) {
    const size_t found = axis_name.size() == 1 ? order.find(axis_name) : std::string_view::npos;
    if (!builder.require(axis == -1 && found != std::string_view::npos, "axis_str ", quoted(axis_name),
                         " is not one letter of ", quoted(order), ", or stands beside axis")) {
      return false;
    }
    axis = static_cast<int64_t>(found);
  }
  return legacy_shapes(builder, axis, s);
}

BinaryShapes blocked_shapes(const BinaryShapes& shapes, Layout layout) {
  const auto blocked = [&](Shape s) -> Shape {
    while (s.rank() < 4) s.insert(0, 1);
    if (s[1] == 1) return {s[0], 1, s[2], s[3], 1};
    return {s[0], layout.padded_channels(s[1]) / layout.block, s[2], s[3], layout.block};
  };
  return {blocked(shapes.a), blocked(shapes.b), blocked(shapes.out)};
}

void broadcast(ThreadPool& pool, const BroadcastWalk& walk, const BroadcastKernel& kernel, const void* f, const void* a,
               const void* b, void* out) {
  constexpr int64_t kGrain = 16384;
  const int64_t inner = walk.inner(), outer = walk.outer();
  const int64_t a_step = walk.a_step(), b_step = walk.b_step();
  if (inner == 0 || outer == 0) return;
  const auto row_part = [&](int64_t row, int64_t begin, int64_t n) {
    int64_t a_offset = 0, b_offset = 0;
    walk.offsets(row, &a_offset, &b_offset);
    kernel.row(f, static_cast<const char*>(a) + (a_offset + begin * a_step) * kernel.in_bytes, a_step,
               static_cast<const char*>(b) + (b_offset + begin * b_step) * kernel.in_bytes, b_step,
               static_cast<char*>(out) + (row * inner + begin) * kernel.out_bytes, n);
  };
  if (outer == 1) {
    pool.parallel_for(inner, kGrain, [&](int64_t begin, int64_t end, int) { row_part(0, begin, end - begin); });
  } else {
    pool.parallel_for(outer, std::max<int64_t>(1, kGrain / inner), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) row_part(row, 0, inner);
    });
  }
}

}  // namespace mdeploy
