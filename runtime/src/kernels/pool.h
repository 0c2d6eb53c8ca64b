// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_KERNELS_POOL_H_
#define MDEPLOY_KERNELS_POOL_H_

#include <cstdint>

#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "kernels/layout.h"

namespace mdeploy {

enum class PoolKind { kMax, kAverage };

struct PoolShape {
  int64_t n = 1, c = 0, h = 0, w = 0, out_h = 0, out_w = 0;
  int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, pad_t = 0, pad_l = 0;
  bool count_padding = false;  // averages divide by kh * kw everywhere
};

// Pools with the kernels of the set where both sides are blocked, else with the plain loops.
void run_pool(PoolKind kind, const PoolShape& shape, Isa isa, Layout input, Layout output, const float* x, float* y,
              ThreadPool& pool);

// The plain loops, any layouts. Lanes beyond c of a blocked output become zero.
void pool_reference(PoolKind kind, const PoolShape& shape, Layout input, Layout output, const float* x, float* y,
                    ThreadPool& pool);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_POOL_H_
