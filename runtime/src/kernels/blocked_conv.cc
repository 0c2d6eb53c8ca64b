// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/blocked_conv.h"

#include <algorithm>

namespace mdeploy {

std::vector<Section> conv_sections(const ConvShape& shape) {
  const int64_t group_in = shape.c_in / shape.groups, group_out = shape.c_out / shape.groups;
  std::vector<Section> sections;
  for (int64_t block = 0; block < block_count(shape.c_out); ++block) {
    const int64_t first_group = block * kChannelBlock / group_out;
    const int64_t last_channel = std::min((block + 1) * kChannelBlock, shape.c_out) - 1;
    const int64_t last_group = last_channel / group_out;
    const int64_t in_block = first_group * group_in / kChannelBlock;
    const int64_t in_blocks = block_count((last_group + 1) * group_in) - in_block;
    if (!sections.empty() && sections.back().in_block == in_block && sections.back().in_blocks == in_blocks) {
      ++sections.back().out_blocks;
    } else {
      sections.push_back({in_block, in_blocks, block, 1});
    }
  }
  return sections;
}

std::vector<float> padded_bias(const ConvShape& shape, const float* bias) {
  std::vector<float> padded(static_cast<size_t>(block_count(shape.c_out) * kChannelBlock), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + shape.c_out, padded.begin());
  return padded;
}

Tiling choose_tiling(const IsaKernels& isa, int64_t pixels, int64_t out_blocks, int64_t k, bool streamed) {
  // Cycles for one k of one output block, from two multiply-adds and two loads a cycle and a latency of four. A second
  // pass over a panel that has left the first-level cache reads it again from the second at about a vector each 1.6
  // cycles. Constants: benchmarks/kernels on Zen 5; the ranking is the same on the other sets.
  constexpr double kLatency = 4.0, kRereadCycles = 1.6;
  constexpr int64_t kPanelBytesKept = 24 << 10;
  const double vecs = static_cast<double>(kChannelBlock) / isa.lanes;
  Tiling best;
  double best_cost = 0.0;
  for (int blocks = kMaxTileBlocks; blocks >= 1; --blocks) {
    if (isa.max_pixels[blocks] == 0 || (blocks > out_blocks && blocks > 1)) continue;
    const int64_t tiles = ceil_div(pixels, isa.max_pixels[blocks]);
    double cost = 0.0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = t * pixels / tiles, end = (t + 1) * pixels / tiles;
      const double p = static_cast<double>(end - begin);
      const double sums = p * blocks * vecs;
      cost += std::max({sums / 2.0, (blocks * vecs + p) / 2.0, kLatency}) / blocks;
    }
    const bool leaves_cache = blocks * k * kChannelBlock * 4 > kPanelBytesKept;
    if (tiles > 1 && (leaves_cache || streamed)) cost += static_cast<double>(tiles - 1) * kRereadCycles * vecs / 2.0;
    if (best_cost == 0.0 || cost < best_cost) {
      best = {blocks, tiles};
      best_cost = cost;
    }
  }
  return best;
}

int pass_blocks(const IsaKernels& isa, int preferred, int64_t remaining) {
  int blocks = static_cast<int>(std::min<int64_t>(preferred, remaining));
  while (isa.max_pixels[blocks] == 0) --blocks;  // there is always a tile of one block
  return blocks;
}

void run_tiles(const IsaKernels& isa, TileArgs args, int blocks, int64_t pixels) {
  for_each_tile(isa, blocks, pixels, [&](int64_t, int64_t count) {
    isa.tile[blocks][count](args);
    args.a += count * kChannelBlock;
    args.y += count * kChannelBlock;
    if (args.rule.residual != nullptr) args.rule.residual += count * kChannelBlock;
  });
}

bool epilogue_disturbs_padding(const ConvShape& shape, const ConvEpilogue& epilogue) {
  return shape.c_out % kChannelBlock != 0 && (epilogue.lo > 0.0f || epilogue.hi < 0.0f);
}

void clear_padding_lanes(const ConvShape& shape, float* y) {
  const int64_t pixels = shape.out_h * shape.out_w;
  float* block = y + shape.c_out / kChannelBlock * pixels * kChannelBlock;
  for (int64_t p = 0; p < pixels; ++p, block += kChannelBlock) {
    std::fill(block + shape.c_out % kChannelBlock, block + kChannelBlock, 0.0f);
  }
}

}  // namespace mdeploy
