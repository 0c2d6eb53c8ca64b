// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The innermost loops, one table of functions per instruction set. Everything above them (shapes, borders, threads,
// packing) is written once in plain C++ and calls them through the table.
//
// All work on blocks of kChannelBlock channels: a "pixel" here is the 16 channels of one block at one position, and
// neighbouring pixels lie 16 floats apart.
#ifndef MDEPLOY_KERNELS_ISA_KERNELS_H_
#define MDEPLOY_KERNELS_ISA_KERNELS_H_

#include <cstdint>
#include <limits>

#include "cpu/isa.h"

namespace mdeploy {

// What is done to a result before it is stored: clamp(v + bias + residual, lo, hi). The bias is what sums begin with.
struct StoreRule {
  const float* bias = nullptr;      // 16 floats a block of output channels; of tiles it may be null for none
  const float* residual = nullptr;  // null for none; lies as the output does
  float lo = -std::numeric_limits<float>::infinity(), hi = std::numeric_limits<float>::infinity();  // no clamp
};

// One register tile of a matrix product: `pixels` x (16 * blocks) outputs, summed over 16 * k_blocks products in
// increasing order of k, each by one fused multiply-add (SSE2 and ARMv7: multiply, then add).
struct TileArgs {
  const float* a = nullptr;  // (k_blocks, pixels, 16)
  int64_t a_step = 0;        // floats from one block of k to the next
  const float* w = nullptr;  // (blocks, k_blocks * 16, 16)
  int64_t w_step = 0;        // floats from one block of output channels to the next
  int64_t k_blocks = 0;
  int last_k = kChannelBlock;  // products of the last block that count, a multiple of 4: the others are with zeros
  float* y = nullptr;          // (blocks, pixels, 16)
  int64_t y_step = 0;          // floats from one block of output channels to the next, the residual's too
  int64_t prefetch = 0;        // how many floats ahead weights are prefetched; 0 where they are in the cache anyway
  StoreRule rule;
};

using TileFunction = void (*)(const TileArgs&);

// The same where the input is a plain picture of few channels: product k of output p is read at a + offsets[k] + p.
struct PlaneTileArgs {
  const float* a = nullptr;          // up to 3 floats beyond the last output's are read too
  const int64_t* offsets = nullptr;  // (k_count)
  int64_t k_count = 0;
  const float* w = nullptr;  // (blocks, k_count, 16)
  int64_t w_step = 0;        // floats from one block of output channels to the next
  float* y = nullptr;        // (blocks, pixels, 16)
  int64_t y_step = 0;        // floats from one block of output channels to the next, the residual's too
  StoreRule rule;
};

using PlaneTileFunction = void (*)(const PlaneTileArgs&);

// Winograd F(m x m, 3x3), m = 2 or 4: transforms of one (m+2) x (m+2) patch, 16 channels at a time.
struct WinogradWeightArgs {
  float g[9][kChannelBlock];  // the taps of 16 output channels
  float* u = nullptr;         // point p of the transform goes to u + p * u_step
  int64_t u_step = 0;
};
struct WinogradInputArgs {
  const float* x = nullptr;  // top left pixel of the patch, all of which may be read
  int64_t x_row = 0;         // floats from row to row
  float* v = nullptr;        // point p of the transform goes to v + p * v_step
  int64_t v_step = 0;
};
struct WinogradOutputArgs {
  const float* m = nullptr;  // point p is read at m + p * m_step
  int64_t m_step = 0;
  float* y = nullptr;
  int64_t y_row = 0;       // floats from row to row, the residual's too
  int rows = 0, cols = 0;  // outputs that exist, at most m x m
  StoreRule rule;
};

// One block of channels of `radix` splits that lie `x_step` floats apart; see split_attention.h.
//   radix_pool:    y = scale * sum over splits and pixels of x             (16)
//   radix_softmax: y = softmax over the splits of x                        (radix, 16)
//   radix_combine: y = clamp(sum_r weights_r * x_r + residual)             (pixels, 16); no bias
struct RadixArgs {
  const float* x = nullptr;
  int64_t radix = 1, x_step = 0;
  int64_t pixels = 1;
  float* y = nullptr;
  float scale = 1.0f;
  const float* weights = nullptr;  // (radix, 16)
  StoreRule rule;
};

// One block of channels of `count` neighbouring outputs that see the same taps of a window: depthwise convolution and
// pooling. Tap (r, q) of output i is read at x + i * x_step + r * tap_row + q * tap_col.
struct WindowArgs {
  const float* x = nullptr;
  int64_t x_step = 0, count = 0;
  int64_t rows = 0, cols = 0, tap_row = 0, tap_col = 0;
  float* y = nullptr;        // (count, 16)
  const float* w = nullptr;  // depthwise: tap (r, q) at w + r * w_row + q * 16
  int64_t w_row = 0;
  bool skip_first = false, skip_last = false;  // depthwise_row3: the outer tap of the first or last output is padding
  StoreRule rule;                              // depthwise
  float scale = 1.0f;                          // average
};

constexpr int kMaxTileBlocks = 4;
constexpr int kMaxTilePixels = 16;

struct IsaKernels {
  const char* name = nullptr;  // "avx512"
  int fma_per_cycle = 2;       // for the cost model: vectors of `lanes` floats
  int lanes = 1;
  int max_pixels[kMaxTileBlocks + 1] = {};  // widest tile for a number of blocks, 0 for none
  TileFunction tile[kMaxTileBlocks + 1][kMaxTilePixels + 1] = {};
  PlaneTileFunction plane_tile[kMaxTileBlocks + 1][kMaxTilePixels + 1] = {};
  void (*winograd_weight[2])(const WinogradWeightArgs&) = {};  // [0]: F(2x2), [1]: F(4x4)
  void (*winograd_input[2])(const WinogradInputArgs&) = {};
  void (*winograd_output[2])(const WinogradOutputArgs&) = {};
  void (*depthwise)(const WindowArgs&) = nullptr;
  // A whole row of outputs of a window of two or three rows, three taps wide, stride 1 and 2: x is the middle tap of
  // the first output.
  void (*depthwise_row3[2])(const WindowArgs&) = {};
  void (*pool_max)(const WindowArgs&) = nullptr;
  void (*pool_average)(const WindowArgs&) = nullptr;
  void (*radix_pool)(const RadixArgs&) = nullptr;
  void (*radix_softmax)(const RadixArgs&) = nullptr;
  void (*radix_combine)(const RadixArgs&) = nullptr;
};

// Null for kReference and for sets that this build does not have.
const IsaKernels* isa_kernels(Isa isa);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_ISA_KERNELS_H_
