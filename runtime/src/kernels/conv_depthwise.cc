// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_depthwise.h"

#include <algorithm>

#include "kernels/blocked_conv.h"
#include "kernels/window_runs.h"

namespace mdeploy {
namespace {

class ConvDepthwise final : public BlockedConv {
 public:
  ConvDepthwise(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa, const float* weights,
                const float* bias)
      : BlockedConv(shape, Layout::blocked(kChannelBlock), options, isa, "depthwise", bias),
        blocks_(block_count(shape.c_out)),
        row3_(row3_fits(shape)) {
    const int64_t taps = shape.kh * shape.kw, floats = blocks_ * taps * kChannelBlock;
    allocate_weights(floats);  // (block, tap, 16)
    float* packed = BlockedConv::weights();
    std::fill_n(packed, floats, 0.0f);
    for (int64_t c = 0; c < shape.c_out; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        packed[(c / kChannelBlock * taps + tap) * kChannelBlock + c % kChannelBlock] = weights[c * taps + tap];
      }
    }
  }

  size_t scratch_bytes(int) const override { return 0; }

 private:
  void run_picture(const Picture& picture, float*, ThreadPool& pool) const override {
    const int64_t rows = blocks_ * shape_.out_h;
    pool.parallel_for(rows, is_parallel() ? ceil_div(rows, 8 * pool.size()) : rows,
                      [&](int64_t begin, int64_t end, int) {
                        for (int64_t row = begin; row < end; ++row) {
                          run_row(picture, row / shape_.out_h, row % shape_.out_h);
                        }
                      });
  }

  // Whether depthwise_row3 computes whole rows, where it sees two rows of taps or all three: the outermost outputs miss
  // at most their outermost tap.
  static bool row3_fits(const ConvShape& s) {
    const int64_t right = (s.out_w - 1) * s.stride_w - s.pad_l + 2;  // column of the last tap of the last output
    return s.kh <= 3 && s.kw == 3 && s.dilation_w == 1 && (s.stride_w == 1 || s.stride_w == 2) && s.pad_l <= 1 &&
           right <= s.w;
  }

  void run_row(const Picture& picture, int64_t block, int64_t oh) const {
    const ConvShape& s = shape_;
    const WindowAxis vertical = {s.h, s.kh, s.stride_h, s.dilation_h, s.pad_t};
    const int64_t row_floats = s.w * kChannelBlock;
    int64_t row_begin, row_end;
    vertical.taps(oh, &row_begin, &row_end);
    WindowArgs args;
    args.x_step = s.stride_w * kChannelBlock;
    args.rows = row_end - row_begin;
    args.tap_row = s.dilation_h * row_floats;
    args.tap_col = s.dilation_w * kChannelBlock;
    args.w_row = s.kw * kChannelBlock;
    const float* row_weights = weights() + (block * s.kh + row_begin) * args.w_row;
    const float* plane = picture.x + block * s.h * row_floats;
    const float* x_row =
        args.rows > 0 ? plane + (oh * s.stride_h - s.pad_t + row_begin * s.dilation_h) * row_floats : plane;
    const auto run = [&](int64_t ow, int64_t iw, int64_t count, int64_t tap, void (*kernel)(const WindowArgs&)) {
      const int64_t offset = ((block * s.out_h + oh) * s.out_w + ow) * kChannelBlock;
      args.x = x_row + iw * kChannelBlock;
      args.count = count;
      args.w = row_weights + tap * kChannelBlock;
      args.y = picture.y + offset;
      args.rule = store_rule(picture, block, offset);
      kernel(args);
    };
    if (row3_ && args.rows > 1) {
      args.skip_first = s.pad_l == 1;
      args.skip_last = (s.out_w - 1) * s.stride_w - s.pad_l + 2 == s.w;
      return run(0, 1 - s.pad_l, s.out_w, 0, isa_.depthwise_row3[s.stride_w - 1]);
    }
    const WindowAxis horizontal = {s.w, s.kw, s.stride_w, s.dilation_w, s.pad_l};
    for_each_window_run(horizontal, s.out_w, [&](int64_t ow, int64_t count, int64_t begin, int64_t end) {
      args.cols = end - begin;
      const bool inside = args.rows > 0 && end > begin;
      run(ow, inside ? ow * s.stride_w - s.pad_l + begin * s.dilation_w : 0, count, begin, isa_.depthwise);
    });
  }

  const int64_t blocks_;
  const bool row3_;
};

}  // namespace

std::unique_ptr<ConvKernel> make_conv_depthwise(const ConvShape& shape, const ConvOptions& options,
                                                const IsaKernels& isa, const float* weights, const float* bias) {
  return std::make_unique<ConvDepthwise>(shape, options, isa, weights, bias);
}

}  // namespace mdeploy
