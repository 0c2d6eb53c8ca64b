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

// One row of a walk: out[i] = f(a[i * a_step], b[i * b_step]) for n elements. `f` is the caller's functor.
using BroadcastRow = void (*)(const void* f, const void* a, int64_t a_step, const void* b, int64_t b_step, void* out,
                              int64_t n);

// A functor over operands of one type. There are many functors and types, so only the row is compiled for each of them.
struct BroadcastKernel {
  BroadcastRow row;
  int64_t in_bytes, out_bytes;  // of an element
};

template <typename T, typename R, typename F>
BroadcastKernel broadcast_kernel() {
  const BroadcastRow row = [](const void* context, const void* a, int64_t a_step, const void* b, int64_t b_step,
                              void* out, int64_t n) {
    const F& f = *static_cast<const F*>(context);
    const T *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b);
    R* po = static_cast<R*>(out);
    if (a_step == 1 && b_step == 1) {
      for (int64_t i = 0; i < n; ++i) po[i] = f(pa[i], pb[i]);
    } else if (a_step == 1 && b_step == 0) {
      const T vb = *pb;
      for (int64_t i = 0; i < n; ++i) po[i] = f(pa[i], vb);
    } else {
      for (int64_t i = 0; i < n; ++i) po[i] = f(pa[i * a_step], pb[i * b_step]);
    }
  };
  return {row, sizeof(T), sizeof(R)};
}

// Runs a kernel over the walk.
void broadcast(ThreadPool& pool, const BroadcastWalk& walk, const BroadcastKernel& kernel, const void* f, const void* a,
               const void* b, void* out);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_BROADCAST_H_
