// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/pack_input.h"

#include <algorithm>
#include <cstring>

namespace mdeploy {
namespace {

// The outputs [begin, end) of one row for which column iw = ow * stride + offset lies inside [0, width).
struct ValidRange {
  int64_t begin, end;
};
ValidRange valid_range(int64_t begin, int64_t end, int64_t stride, int64_t offset, int64_t width) {
  const int64_t first = offset < 0 ? ceil_div(-offset, stride) : 0;
  const int64_t last = width - offset <= 0 ? 0 : ceil_div(width - offset, stride);
  const int64_t valid_begin = std::clamp(first, begin, end);
  return {valid_begin, std::clamp(last, valid_begin, end)};
}

constexpr size_t kPixelBytes = kChannelBlock * sizeof(float);

void copy_pixels(const float* from, int64_t from_step, int64_t pixels, float* to) {
  if (from_step == kChannelBlock) {
    std::memcpy(to, from, static_cast<size_t>(pixels) * kPixelBytes);
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) std::memcpy(to + p * kChannelBlock, from + p * from_step, kPixelBytes);
}

}  // namespace

void pack_blocked(const ConvShape& s, const Section& section, const float* x, int64_t k_begin, int64_t k_end,
                  int64_t begin, int64_t end, float* packed, int64_t step) {
  const int64_t plane = s.h * s.w * kChannelBlock;
  for (int64_t k = k_begin; k < k_end; ++k, packed += step) {
    const int64_t tap = k / section.in_blocks;
    const float* source = x + (section.in_block + k % section.in_blocks) * plane;
    const int64_t row_offset = tap / s.kw * s.dilation_h - s.pad_t;
    const int64_t col_offset = tap % s.kw * s.dilation_w - s.pad_l;
    float* to = packed;
    for (int64_t at = begin; at < end;) {
      const int64_t oh = at / s.out_w, ow = at % s.out_w;
      const int64_t ow_end = std::min(s.out_w, ow + (end - at));
      at += ow_end - ow;
      const int64_t ih = oh * s.stride_h + row_offset;
      ValidRange valid = {ow_end, ow_end};
      if (ih >= 0 && ih < s.h) valid = valid_range(ow, ow_end, s.stride_w, col_offset, s.w);
      std::fill_n(to, (valid.begin - ow) * kChannelBlock, 0.0f);
      to += (valid.begin - ow) * kChannelBlock;
      if (valid.end > valid.begin) {
        copy_pixels(source + (ih * s.w + valid.begin * s.stride_w + col_offset) * kChannelBlock,
                    s.stride_w * kChannelBlock, valid.end - valid.begin, to);
        to += (valid.end - valid.begin) * kChannelBlock;
      }
      std::fill_n(to, (ow_end - valid.end) * kChannelBlock, 0.0f);
      to += (ow_end - valid.end) * kChannelBlock;
    }
  }
}

}  // namespace mdeploy
