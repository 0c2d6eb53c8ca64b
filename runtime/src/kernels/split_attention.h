// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything in a split-attention block behind its radix convolution, as two passes over memory: radix sum and global
// average pool; then, after two small products and the radix softmax on one pixel, the weighted sum with the residual
// and clamp that follow it.
#ifndef MDEPLOY_KERNELS_SPLIT_ATTENTION_H_
#define MDEPLOY_KERNELS_SPLIT_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/conv.h"

namespace mdeploy {

// x is (n, radix * c, h, w), split r being channels [r * c, (r + 1) * c); y is (n, c, h, w):
//   gap    = mean over pixels of sum_r x_r                               (c)
//   hidden = relu(fc1 gap + bias1), `cardinality` groups                 (inner)
//   a      = fc2 hidden + bias2, `cardinality` groups                    (radix * c)
//   y      = clamp(sum_r s_r * x_r [+ residual]) with s the softmax of a over r (its sigmoid where radix is 1), a
//            being viewed as (cardinality, radix, c / cardinality).
struct SplitAttentionShape {
  int64_t n = 1, radix = 2, cardinality = 1;
  int64_t c = 0, h = 0, w = 0;
  int64_t inner = 0;
};

struct SplitAttentionWeights {
  const float* fc1 = nullptr;    // (inner, c / cardinality)
  const float* bias1 = nullptr;  // (inner), or null for zeros
  const float* fc2 = nullptr;    // (radix * c, inner / cardinality)
  const float* bias2 = nullptr;  // (radix * c), or null for zeros
};

struct SplitAttentionArguments {
  const float* x = nullptr;         // blocked
  float* y = nullptr;               // blocked
  const float* residual = nullptr;  // blocked, where the epilogue has one; may be y itself
  void* scratch = nullptr;          // scratch_bytes(pool.size()) bytes, 64-byte aligned
};

class SplitAttentionKernel {
 public:
  virtual ~SplitAttentionKernel() = default;
  virtual void run(const SplitAttentionArguments& arguments, ThreadPool& pool) const = 0;
  virtual size_t scratch_bytes(int threads) const = 0;
  virtual size_t packed_bytes() const = 0;
  virtual const char* name() const = 0;
};

// Whether make_split_attention has a kernel: a set with kernels, whole blocks in each split, radix at most 4.
bool split_attention_supports(const SplitAttentionShape& shape, Isa isa);

// Null where it is not supported. The weights are packed and not needed afterwards.
std::unique_ptr<SplitAttentionKernel> make_split_attention(const SplitAttentionShape& shape, Isa isa,
                                                           const ConvEpilogue& epilogue,
                                                           const SplitAttentionWeights& weights);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_SPLIT_ATTENTION_H_
