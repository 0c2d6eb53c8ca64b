// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Broadcasting of two operands as Caffe2 does it: NumPy's rule, or the legacy one of broadcast=1.
#ifndef MDEPLOY_OPS_BROADCAST_H_
#define MDEPLOY_OPS_BROADCAST_H_

#include <array>

#include "ops/op_builder.h"

namespace mdeploy {

// NumPy's rule. False when the shapes do not go together.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out);

// How to walk over an output and two broadcast inputs: few dimensions, with neighbours merged.
struct BroadcastWalk {
  int rank = 0;
  std::array<int64_t, Shape::kMaxRank> dims{};
  std::array<int64_t, Shape::kMaxRank> a_strides{};
  std::array<int64_t, Shape::kMaxRank> b_strides{};

  // The operands must broadcast to `out`.
  BroadcastWalk(const Shape& a, const Shape& b, const Shape& out);

  int64_t inner() const { return rank > 0 ? dims[static_cast<size_t>(rank) - 1] : 1; }
  int64_t outer() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank; ++i) n *= dims[static_cast<size_t>(i)];
    return n;
  }
  // Offsets of the operands for row `row` of outer() rows.
  void offsets(int64_t row, int64_t* a, int64_t* b) const;
  int64_t a_step() const { return rank > 0 ? a_strides[static_cast<size_t>(rank) - 1] : 0; }
  int64_t b_step() const { return rank > 0 ? b_strides[static_cast<size_t>(rank) - 1] : 0; }
};

// Reads `broadcast`, `axis`, `axis_str` and `order`, and gives the shapes under which the first two inputs broadcast
// by NumPy's rule, and the output's shape. Fails where Caffe2 does.
struct BinaryShapes {
  Shape a, b, out;
};
bool binary_shapes(OpBuilder& builder, BinaryShapes* shapes);

// The shapes of the same operands in memory when the output is blocked. An operand with more than one channel must then
// be blocked as well, or be one pixel of whole blocks; one with a single channel must be plain.
BinaryShapes blocked_shapes(const BinaryShapes& shapes, Layout layout);

// out[i] = f(a[i], b[i]) over the walk.
template <typename T, typename R, typename F>
void broadcast_loop(ThreadPool& pool, const BroadcastWalk& walk, const T* a, const T* b, R* out, F f) {
  const int64_t inner = walk.inner();
  const int64_t a_step = walk.a_step(), b_step = walk.b_step();
  auto row_part = [&](int64_t row, int64_t begin, int64_t end) {
    int64_t a_offset = 0, b_offset = 0;
    walk.offsets(row, &a_offset, &b_offset);
    const T* pa = a + a_offset;
    const T* pb = b + b_offset;
    R* po = out + row * inner;
    if (a_step == 1 && b_step == 1) {
      for (int64_t i = begin; i < end; ++i) po[i] = f(pa[i], pb[i]);
    } else if (a_step == 1 && b_step == 0) {
      const T vb = *pb;
      for (int64_t i = begin; i < end; ++i) po[i] = f(pa[i], vb);
    } else {
      for (int64_t i = begin; i < end; ++i) po[i] = f(pa[i * a_step], pb[i * b_step]);
    }
  };
  constexpr int64_t kGrain = 16384;
  const int64_t outer = walk.outer();
  if (inner == 0 || outer == 0) return;
  if (outer == 1) {
    pool.parallel_for(inner, kGrain, [&](int64_t begin, int64_t end, int) { row_part(0, begin, end); });
  } else {
    pool.parallel_for(outer, std::max<int64_t>(1, kGrain / inner), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) row_part(row, 0, inner);
    });
  }
}

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_BROADCAST_H_
