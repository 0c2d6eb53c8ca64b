// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "kernels/conv.h"

namespace mdeploy {
namespace {

class ConvReference final : public ConvKernel {
 public:
  ConvReference(const ConvShape& shape, const ConvOptions& options, const float* weights, const float* bias)
      : shape_(shape), options_(options), weights_(weights, weights + shape.weight_count()) {
    bias_.assign(static_cast<size_t>(shape.c_out), 0.0f);
    if (bias != nullptr) std::copy(bias, bias + shape.c_out, bias_.begin());
  }

  void run(const ConvArguments& args, ThreadPool& pool) const override {
    // One job is one output row of one channel; channels beyond c_out are the zero lanes of the last block.
    const int64_t channels = options_.output.padded_channels(shape_.c_out);
    const int64_t jobs = shape_.n * channels * shape_.out_h;
    pool.parallel_for(jobs, 1, [&](int64_t begin, int64_t end, int worker) {
      double* sums = static_cast<double*>(args.scratch) + worker * padded_row();
      for (int64_t job = begin; job < end; ++job) {
        const int64_t oh = job % shape_.out_h;
        const int64_t c = job / shape_.out_h % channels;
        run_row(args, job / shape_.out_h / channels, c, oh, sums);
      }
    });
  }

  size_t scratch_bytes(int threads) const override {
    return static_cast<size_t>(threads * padded_row()) * sizeof(double);
  }
  size_t packed_bytes() const override { return (weights_.size() + bias_.size()) * sizeof(float); }
  const char* name() const override { return "conv_reference"; }

 private:
  int64_t padded_row() const { return (shape_.out_w + 7) / 8 * 8; }  // whole cache lines

  static int64_t stride_or_dense(int64_t stride, Layout layout, int64_t c, int64_t h, int64_t w) {
    return stride != 0 ? stride : layout.picture_size(c, h, w);
  }
  static int64_t row_offset(Layout layout, int64_t c, int64_t row, int64_t h, int64_t w) {
    return (c / layout.block * h + row) * w * layout.block + c % layout.block;
  }

  void run_row(const ConvArguments& args, int64_t n, int64_t c, int64_t oh, double* sums) const {
    const ConvShape& s = shape_;
    const int64_t out_step = options_.output.block;
    const int64_t out_offset = row_offset(options_.output, c, oh, s.out_h, s.out_w);
    float* y = args.y + n * stride_or_dense(args.y_stride, options_.output, s.c_out, s.out_h, s.out_w) + out_offset;
    if (c >= s.c_out) {
      for (int64_t ow = 0; ow < s.out_w; ++ow) y[ow * out_step] = 0.0f;
      return;
    }
    std::fill(sums, sums + s.out_w, static_cast<double>(bias_[static_cast<size_t>(c)]));
    add_products(args.x + n * stride_or_dense(args.x_stride, options_.input, s.c_in, s.h, s.w), c, oh, sums);

    const ConvEpilogue& e = options_.epilogue;
    const float* residual = nullptr;
    if (e.residual) {
      residual = args.residual + n * stride_or_dense(args.residual_stride, options_.output, s.c_out, s.out_h, s.out_w) +
                 out_offset;
    }
    for (int64_t ow = 0; ow < s.out_w; ++ow) {
      float v = static_cast<float>(sums[ow]);
      if (residual != nullptr) v += residual[ow * out_step];
      if (v < e.lo) v = e.lo;
      if (v > e.hi) v = e.hi;
      y[ow * out_step] = v;
    }
  }

  void add_products(const float* x, int64_t c, int64_t oh, double* sums) const {
    const ConvShape& s = shape_;
    const int64_t group_in = s.c_in / s.groups;
    const int64_t first_in = c / (s.c_out / s.groups) * group_in;
    const int64_t step = options_.input.block;
    const float* weight = weights_.data() + c * group_in * s.kh * s.kw;
    for (int64_t ic = first_in; ic < first_in + group_in; ++ic) {
      for (int64_t kh = 0; kh < s.kh; ++kh) {
        const int64_t ih = oh * s.stride_h + kh * s.dilation_h - s.pad_t;
        if (ih < 0 || ih >= s.h) {
          weight += s.kw;
          continue;
        }
        const float* row = x + row_offset(options_.input, ic, ih, s.h, s.w);
        for (int64_t kw = 0; kw < s.kw; ++kw) {
          const double w = *weight++;
          for (int64_t ow = 0; ow < s.out_w; ++ow) {
            const int64_t iw = ow * s.stride_w + kw * s.dilation_w - s.pad_l;
            if (iw >= 0 && iw < s.w) sums[ow] += w * static_cast<double>(row[iw * step]);
          }
        }
      }
    }
  }

  ConvShape shape_;
  ConvOptions options_;
  std::vector<float> weights_;
  std::vector<float> bias_;
};

}  // namespace

std::unique_ptr<ConvKernel> make_conv_reference(const ConvShape& shape, const ConvOptions& options,
                                                const float* weights, const float* bias) {
  return std::make_unique<ConvReference>(shape, options, weights, bias);
}

}  // namespace mdeploy
