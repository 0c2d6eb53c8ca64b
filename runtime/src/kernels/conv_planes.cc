// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_planes.h"

#include <algorithm>
#include <vector>

#include "kernels/blocked_conv.h"

namespace mdeploy {
namespace {

constexpr int64_t kBandRows = 8;  // of outputs, at most: their input stays in the first-level cache
constexpr int64_t kSlack = 4;     // floats that a tile may read beyond a row
constexpr int64_t kMostBufferFloats =
    1 << 20;  // huge strides and pads, as only damaged files have, gather as others do

int64_t band_rows(const ConvShape& s) { return std::min(kBandRows, s.out_h); }
int64_t input_rows(const ConvShape& s, int64_t outputs) {
  return (outputs - 1) * s.stride_h + (s.kh - 1) * s.dilation_h + 1;
}
// Floats of one phase of a row.
int64_t phase_floats(const ConvShape& s) { return (s.kw - 1) * s.dilation_w / s.stride_w + s.out_w + kSlack; }

// Buffer of a band: (channel, padded input row, phase, column). Column c of a padded row goes to phase c % stride, so
// that neighbouring outputs read neighbouring floats under every tap.
class ConvPlanes final : public BlockedConv {
 public:
  ConvPlanes(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa, const float* weights,
             const float* bias)
      : BlockedConv(shape, Layout::plain(), options, isa, "planes", bias),
        blocks_(block_count(shape.c_out)),
        k_count_(shape.c_in * shape.kh * shape.kw),
        band_rows_(band_rows(shape)),
        phase_(phase_floats(shape)) {
    const int64_t floats = blocks_ * k_count_ * kChannelBlock;
    allocate_weights(floats);  // (block, k, 16), k = (channel, tap)
    float* packed = BlockedConv::weights();
    std::fill_n(packed, floats, 0.0f);
    for (int64_t out = 0; out < shape.c_out; ++out) {
      for (int64_t k = 0; k < k_count_; ++k) {
        packed[(out / kChannelBlock * k_count_ + k) * kChannelBlock + out % kChannelBlock] =
            weights[out * k_count_ + k];
      }
    }
    const int64_t row = phase_ * shape.stride_w, plane = row * input_rows(shape, band_rows_);
    for (int64_t k = 0; k < k_count_; ++k) {
      const int64_t column = k % shape.kw * shape.dilation_w;
      offsets_.push_back(k / (shape.kh * shape.kw) * plane + k / shape.kw % shape.kh * shape.dilation_h * row +
                         column % shape.stride_w * phase_ + column / shape.stride_w);
    }
    tile_blocks_ = choose_tiling(isa, shape.out_w, blocks_, k_count_, false).blocks;
  }

  size_t scratch_bytes(int threads) const override {
    return static_cast<size_t>(threads * buffer_floats()) * sizeof(float);
  }

 private:
  void run_picture(const Picture& picture, float* scratch, ThreadPool& pool) const override {
    const int64_t bands = ceil_div(shape_.out_h, band_rows_);
    pool.parallel_for(bands, is_parallel() ? 1 : bands, [&](int64_t begin, int64_t end, int worker) {
      float* buffer = scratch + worker * buffer_floats();
      for (int64_t band = begin; band < end; ++band) run_band(picture, band, buffer);
    });
  }

  int64_t buffer_floats() const {  // whole cache lines
    return ceil_div(shape_.c_in * input_rows(shape_, band_rows_) * phase_ * shape_.stride_w, kChannelBlock) *
           kChannelBlock;
  }

  void run_band(const Picture& picture, int64_t band, float* buffer) const {
    const ConvShape& s = shape_;
    const int64_t first = band * band_rows_, rows = std::min(band_rows_, s.out_h - first);
    const int64_t row_floats = phase_ * s.stride_w;
    for (int64_t c = 0; c < s.c_in; ++c) {
      float* to = buffer + c * input_rows(s, band_rows_) * row_floats;
      for (int64_t r = 0; r < input_rows(s, rows); ++r, to += row_floats) {
        const int64_t ih = first * s.stride_h - s.pad_t + r;
        if (ih < 0 || ih >= s.h) {
          std::fill_n(to, row_floats, 0.0f);
        } else {
          copy_row(picture.x + (c * s.h + ih) * s.w, to);
        }
      }
    }
    PlaneTileArgs args;
    args.offsets = offsets_.data();
    args.k_count = k_count_;
    args.w_step = k_count_ * kChannelBlock;
    args.y_step = s.out_h * s.out_w * kChannelBlock;
    for (int64_t b = 0; b < blocks_;) {
      const int blocks = pass_blocks(isa_, tile_blocks_, blocks_ - b);
      args.w = weights() + b * args.w_step;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t output_row = (b * s.out_h + first + r) * s.out_w;
        for_each_tile(isa_, blocks, s.out_w, [&](int64_t begin, int64_t count) {
          const int64_t offset = (output_row + begin) * kChannelBlock;
          args.a = buffer + r * s.stride_h * row_floats + begin;
          args.y = picture.y + offset;
          args.rule = store_rule(picture, b, offset);
          isa_.plane_tile[blocks][count](args);
        });
      }
      b += blocks;
    }
  }

  // A row with its padding, phase by phase.
  void copy_row(const float* x, float* to) const {
    const int64_t stride = shape_.stride_w;
    for (int64_t phase = 0; phase < stride; ++phase, to += phase_) {
      const int64_t offset = phase - shape_.pad_l;  // of the input column that is column 0 of the phase
      const int64_t begin = std::min(phase_, offset < 0 ? ceil_div(-offset, stride) : 0);
      const int64_t end = std::clamp(ceil_div(std::max<int64_t>(shape_.w - offset, 0), stride), begin, phase_);
      std::fill_n(to, begin, 0.0f);
      if (stride == 1) {
        std::copy(x + begin + offset, x + end + offset, to + begin);
      } else if (stride == 2) {
        copy_strided<2>(x, offset, begin, end, to);
      } else {
        for (int64_t i = begin; i < end; ++i) to[i] = x[i * stride + offset];
      }
      std::fill_n(to + end, phase_ - end, 0.0f);
    }
  }

  // The stride is known to the compiler, which then reads whole registers.
  template <int64_t kStride>
  static void copy_strided(const float* x, int64_t offset, int64_t begin, int64_t end, float* __restrict to) {
    for (int64_t i = begin; i < end; ++i) to[i] = x[i * kStride + offset];
  }

  const int64_t blocks_, k_count_, band_rows_;
  const int64_t phase_;
  std::vector<int64_t> offsets_;  // of product k in the buffer
  int tile_blocks_ = 1;
};

}  // namespace

bool is_few_planes(const ConvShape& s) {
  return s.c_in < kChannelBlock && s.groups == 1 &&
         saturating_product({s.c_in, input_rows(s, band_rows(s)), phase_floats(s), s.stride_w}) <= kMostBufferFloats;
}

std::unique_ptr<ConvKernel> make_conv_planes(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa,
                                             const float* weights, const float* bias) {
  return std::make_unique<ConvPlanes>(shape, options, isa, weights, bias);
}

}  // namespace mdeploy
