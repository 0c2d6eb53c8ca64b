// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_plain.h"

#include <utility>

#include "kernels/reorder.h"

namespace mdeploy {
namespace {

constexpr Layout kBlocked = Layout::blocked(kChannelBlock);

class ConvPlain final : public ConvKernel {
 public:
  ConvPlain(const ConvShape& shape, bool residual, bool reorder_input, bool reorder_output,
            std::unique_ptr<ConvKernel> inner)
      : shape_(shape),
        inner_(std::move(inner)),
        x_floats_(reorder_input ? kBlocked.picture_size(shape.c_in, shape.h, shape.w) : 0),
        y_floats_(reorder_output ? kBlocked.picture_size(shape.c_out, shape.out_h, shape.out_w) : 0),
        residual_floats_(residual ? y_floats_ : 0) {}

  void run(const ConvArguments& args, ThreadPool& pool) const override {
    const ConvShape& s = shape_;
    float* x_blocked = static_cast<float*>(args.scratch);
    float* y_blocked = x_blocked + s.n * x_floats_;
    float* residual_blocked = y_blocked + s.n * y_floats_;
    ConvArguments inner = args;
    inner.scratch = residual_blocked + s.n * residual_floats_;
    const int64_t in_pixels = s.h * s.w, out_pixels = s.out_h * s.out_w;
    for (int64_t n = 0; n < s.n && x_floats_ != 0; ++n) {
      const int64_t stride = args.x_stride != 0 ? args.x_stride : s.c_in * in_pixels;
      plain_to_blocked(args.x + n * stride, s.c_in, in_pixels, kBlocked, x_blocked + n * x_floats_, pool);
      inner.x = x_blocked;
      inner.x_stride = 0;
    }
    for (int64_t n = 0; n < s.n && residual_floats_ != 0; ++n) {
      const int64_t stride = args.residual_stride != 0 ? args.residual_stride : s.c_out * out_pixels;
      plain_to_blocked(args.residual + n * stride, s.c_out, out_pixels, kBlocked, residual_blocked + n * y_floats_,
                       pool);
      inner.residual = residual_blocked;
      inner.residual_stride = 0;
    }
    if (y_floats_ != 0) {
      inner.y = y_blocked;
      inner.y_stride = 0;
    }
    inner_->run(inner, pool);
    for (int64_t n = 0; n < s.n && y_floats_ != 0; ++n) {
      const int64_t stride = args.y_stride != 0 ? args.y_stride : s.c_out * out_pixels;
      blocked_to_plain(y_blocked + n * y_floats_, s.c_out, out_pixels, kBlocked, args.y + n * stride, pool);
    }
  }

  size_t scratch_bytes(int threads) const override {
    return static_cast<size_t>(shape_.n * (x_floats_ + y_floats_ + residual_floats_)) * sizeof(float) +
           inner_->scratch_bytes(threads);
  }
  size_t packed_bytes() const override { return inner_->packed_bytes(); }
  const char* name() const override { return inner_->name(); }

 private:
  const ConvShape shape_;
  const std::unique_ptr<ConvKernel> inner_;
  const int64_t x_floats_, y_floats_, residual_floats_;  // of one picture, 0 where nothing is reordered
};

}  // namespace

std::unique_ptr<ConvKernel> make_conv_plain(const ConvShape& shape, bool residual, bool reorder_input,
                                            bool reorder_output, std::unique_ptr<ConvKernel> inner) {
  if (!reorder_input && !reorder_output) return inner;
  return std::make_unique<ConvPlain>(shape, residual, reorder_input, reorder_output, std::move(inner));
}

}  // namespace mdeploy
