// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// How a 4-D activation lies in memory.
#ifndef MDEPLOY_KERNELS_LAYOUT_H_
#define MDEPLOY_KERNELS_LAYOUT_H_

#include <cstdint>

namespace mdeploy {

// Plain is NCHW. Blocked is (N, ceil(C / block), H, W, block): the channels of one vector register lie together.
// In the last block lanes beyond C are always zero: whoever writes a blocked activation writes them too, so that
// readers may use whole blocks. A channel range that begins and ends on blocks is contiguous for one picture, and so
// a view without copying.
struct Layout {
  int block = 1;  // 1: plain

  static constexpr Layout plain() { return {1}; }
  static constexpr Layout blocked(int block) { return {block}; }
  constexpr bool is_plain() const { return block == 1; }
  constexpr int64_t padded_channels(int64_t c) const { return (c + block - 1) / block * block; }
  // Floats in one picture of a batch.
  constexpr int64_t picture_size(int64_t c, int64_t h, int64_t w) const { return padded_channels(c) * h * w; }

  friend constexpr bool operator==(Layout a, Layout b) { return a.block == b.block; }
  friend constexpr bool operator!=(Layout a, Layout b) { return a.block != b.block; }
};

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_LAYOUT_H_
