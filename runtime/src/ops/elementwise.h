// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Loops over elements, split among the threads.
#ifndef MDEPLOY_OPS_ELEMENTWISE_H_
#define MDEPLOY_OPS_ELEMENTWISE_H_

#include "ops/op_builder.h"

namespace mdeploy {

// Elements in one piece of work: below this a second thread costs more than it brings.
constexpr int64_t kElementGrain = 16384;

template <typename F>
void for_elements(ThreadPool& pool, int64_t n, F f) {
  pool.parallel_for(n, kElementGrain, [&f](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// Calls f(index) for each of n independent jobs, of `elements` elements each.
template <typename F>
void for_jobs(ThreadPool& pool, int64_t n, int64_t elements, F f) {
  const int64_t grain = elements >= kElementGrain ? 1 : kElementGrain / (elements > 0 ? elements : 1);
  pool.parallel_for(n, grain, [&f](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// The lanes that fill up the last block of a blocked activation, which must be zero. None where it is plain.
struct TailLanes {
  int64_t pictures = 0, picture_size = 0, last_block = 0;  // floats
  int64_t pixels = 0, block = 1, used = 0;

  explicit TailLanes(const Value& value) {
    const int64_t size = value.layout.block;
    if (value.layout.is_plain() || value.desc.shape[1] % size == 0) return;
    const Shape& s = value.desc.shape;
    pictures = s[0];
    picture_size = value.layout.picture_size(s[1], s[2], s[3]);
    pixels = s[2] * s[3];
    block = size;
    used = s[1] % size;
    last_block = picture_size - pixels * block;
  }

  void clear(float* y) const {
    for (int64_t n = 0; n < pictures; ++n) {
      float* lanes = y + n * picture_size + last_block;
      for (int64_t p = 0; p < pixels; ++p) std::fill(lanes + p * block + used, lanes + (p + 1) * block, 0.0f);
    }
  }
};

// Y = f(X), element by element, for float32 of any layout.
template <typename F>
void unary_operator(OpBuilder& b, F f) {
  b.float_input(0);
  if (!b.ok()) return;
  b.output(0, DType::kFloat, b.shape(0));
  b.may_overwrite(0);
  b.run([f, n = b.node().inputs[0]->storage_elements(), tail = TailLanes(*b.node().inputs[0])](RunContext& c) {
    const float* x = c.in<float>(0);
    float* y = c.out<float>(0);
    for_elements(c.pool, n, [=](int64_t i) { y[i] = f(x[i]); });
    tail.clear(y);
  });
}

// The clamp that passes have merged into a node.
struct Clamp {
  float lo, hi;
  explicit Clamp(const Node& node) : lo(node.epilogue.lo), hi(node.epilogue.hi) {}
  float operator()(float x) const { return x < lo ? lo : x > hi ? hi : x; }
};

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_ELEMENTWISE_H_
