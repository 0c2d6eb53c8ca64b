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

// Y = f(X), element by element, for float32.
template <typename F>
void unary_operator(OpBuilder& b, F f) {
  b.float_input(0);
  if (!b.ok()) return;
  b.output(0, DType::kFloat, b.shape(0));
  b.may_overwrite(0);
  b.run([f, n = b.node().inputs[0]->storage_elements()](RunContext& c) {
    const float* x = c.in<float>(0);
    float* y = c.out<float>(0);
    for_elements(c.pool, n, [=](int64_t i) { y[i] = f(x[i]); });
  });
}

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_ELEMENTWISE_H_
