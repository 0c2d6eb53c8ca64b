// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_depthwise.h"

#include <string>

#include "kernels/blocked_conv.h"
#include "kernels/window_runs.h"

namespace mdeploy {
namespace {

constexpr int64_t kParallelMacs = 200000;

class ConvDepthwise final : public ConvKernel {
 public:
  ConvDepthwise(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa, const float* weights,
                const float* bias)
      : shape_(shape),
        epilogue_(options.epilogue),
        isa_(isa),
        name_(std::string("depthwise_") + isa.name),
        blocks_(block_count(shape.c_out)),
        bias_(padded_bias(shape, bias)),
        weights_(static_cast<size_t>(blocks_ * shape.kh * shape.kw * kChannelBlock), 0.0f) {
    const int64_t taps = shape.kh * shape.kw;
    for (int64_t c = 0; c < shape.c_out; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        weights_[static_cast<size_t>((c / kChannelBlock * taps + tap) * kChannelBlock + c % kChannelBlock)] =
            weights[c * taps + tap];
      }
    }
  }

  void run(const ConvArguments& args, ThreadPool& pool) const override {
    const int64_t x_picture = blocks_ * shape_.h * shape_.w * kChannelBlock;
    const int64_t y_picture = blocks_ * shape_.out_h * shape_.out_w * kChannelBlock;
    for (int64_t n = 0; n < shape_.n; ++n) {
      const float* x = args.x + n * (args.x_stride != 0 ? args.x_stride : x_picture);
      float* y = args.y + n * (args.y_stride != 0 ? args.y_stride : y_picture);
      const float* residual = nullptr;
      if (epilogue_.residual) {
        residual = args.residual + n * (args.residual_stride != 0 ? args.residual_stride : y_picture);
      }
      const int64_t rows = blocks_ * shape_.out_h;
      pool.parallel_for(rows, shape_.macs() < kParallelMacs ? rows : 4, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
          run_row(x, y, residual, row / shape_.out_h, row % shape_.out_h);
        }
      });
      if (epilogue_disturbs_padding(shape_, epilogue_)) clear_padding_lanes(shape_, y);
    }
  }

  size_t scratch_bytes(int) const override { return 0; }
  size_t packed_bytes() const override { return (weights_.size() + bias_.size()) * sizeof(float); }
  const char* name() const override { return name_.c_str(); }

 private:
  void run_row(const float* x, float* y, const float* residual, int64_t block, int64_t oh) const {
    const ConvShape& s = shape_;
    const WindowAxis vertical = {s.h, s.kh, s.stride_h, s.dilation_h, s.pad_t};
    const WindowAxis horizontal = {s.w, s.kw, s.stride_w, s.dilation_w, s.pad_l};
    const int64_t row_floats = s.w * kChannelBlock;
    int64_t row_begin, row_end;
    vertical.taps(oh, &row_begin, &row_end);
    WindowArgs args;
    args.x_step = s.stride_w * kChannelBlock;
    args.rows = row_end - row_begin;
    args.tap_row = s.dilation_h * row_floats;
    args.tap_col = s.dilation_w * kChannelBlock;
    args.w_row = s.kw * kChannelBlock;
    const float* weights = weights_.data() + (block * s.kh + row_begin) * args.w_row;
    const float* plane = x + block * s.h * row_floats;
    const int64_t ih = oh * s.stride_h - s.pad_t + row_begin * s.dilation_h;
    for_each_window_run(horizontal, s.out_w, [&](int64_t ow, int64_t count, int64_t begin, int64_t end) {
      const int64_t iw = ow * s.stride_w - s.pad_l + begin * s.dilation_w;
      const int64_t offset = ((block * s.out_h + oh) * s.out_w + ow) * kChannelBlock;
      args.x = args.rows > 0 && end > begin ? plane + ih * row_floats + iw * kChannelBlock : plane;
      args.count = count;
      args.cols = end - begin;
      args.w = weights + begin * kChannelBlock;
      args.y = y + offset;
      args.rule = store_rule(epilogue_, bias_, block, residual != nullptr ? residual + offset : nullptr);
      isa_.depthwise(args);
    });
  }

  const ConvShape shape_;
  const ConvEpilogue epilogue_;
  const IsaKernels& isa_;
  const std::string name_;
  const int64_t blocks_;
  const std::vector<float> bias_;
  std::vector<float> weights_;  // (block, tap, 16)
};

}  // namespace

std::unique_ptr<ConvKernel> make_conv_depthwise(const ConvShape& shape, const ConvOptions& options,
                                                const IsaKernels& isa, const float* weights, const float* bias) {
  return std::make_unique<ConvDepthwise>(shape, options, isa, weights, bias);
}

}  // namespace mdeploy
