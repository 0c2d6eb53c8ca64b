// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/reorder.h"

#include <algorithm>

namespace mdeploy {
namespace {

// One job is one block of channels; pixels go in strips that keep the strided side in the first-level cache.
constexpr int64_t kStrip = 64;
constexpr int64_t kParallelFloats = 1 << 16;

int64_t grain(int64_t blocks, int64_t channels, int64_t pixels) {
  return channels * pixels < kParallelFloats ? blocks : 1;
}

}  // namespace

void plain_to_blocked(const float* x, int64_t channels, int64_t pixels, Layout blocked, float* y, ThreadPool& pool) {
  const int64_t size = blocked.block, blocks = blocked.padded_channels(channels) / size;
  pool.parallel_for(blocks, grain(blocks, channels, pixels), [=](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t lanes = std::min(size, channels - b * size);
      for (int64_t p0 = 0; p0 < pixels; p0 += kStrip) {
        const int64_t p1 = std::min(p0 + kStrip, pixels);
        float* out = y + b * pixels * size;
        for (int64_t c = 0; c < lanes; ++c) {
          const float* in = x + (b * size + c) * pixels;
          for (int64_t p = p0; p < p1; ++p) out[p * size + c] = in[p];
        }
        for (int64_t c = lanes; c < size; ++c) {
          for (int64_t p = p0; p < p1; ++p) out[p * size + c] = 0.0f;
        }
      }
    }
  });
}

void blocked_to_plain(const float* x, int64_t channels, int64_t pixels, Layout blocked, float* y, ThreadPool& pool) {
  const int64_t size = blocked.block, blocks = blocked.padded_channels(channels) / size;
  pool.parallel_for(blocks, grain(blocks, channels, pixels), [=](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t lanes = std::min(size, channels - b * size);
      for (int64_t p0 = 0; p0 < pixels; p0 += kStrip) {
        const int64_t p1 = std::min(p0 + kStrip, pixels);
        const float* in = x + b * pixels * size;
        for (int64_t c = 0; c < lanes; ++c) {
          float* out = y + (b * size + c) * pixels;
          for (int64_t p = p0; p < p1; ++p) out[p] = in[p * size + c];
        }
      }
    }
  });
}

}  // namespace mdeploy
