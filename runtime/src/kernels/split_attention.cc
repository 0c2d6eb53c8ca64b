// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/split_attention.h"

#include <algorithm>
#include <string>

#include "kernels/blocked_conv.h"
#include "kernels/conv_gemm.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {
namespace {

constexpr Layout kBlocked = Layout::blocked(kChannelBlock);
// Below this many floats waking another thread costs more than it saves.
constexpr int64_t kParallelFloats = 32768;
constexpr int64_t kCombinePixels = 256;  // of one job

std::unique_ptr<ConvKernel> make_product(int64_t c_in, int64_t c_out, int64_t groups, Isa isa, bool relu,
                                         const float* weights, const float* bias) {
  ConvShape shape;
  shape.c_in = c_in, shape.c_out = c_out, shape.groups = groups;
  shape.h = shape.w = shape.out_h = shape.out_w = 1;
  ConvOptions options;
  options.isa = isa, options.input = options.output = kBlocked;
  if (relu) options.epilogue.lo = 0.0f;
  return make_conv_gemm(shape, options, *isa_kernels(isa), weights, bias);
}

class SplitAttention final : public SplitAttentionKernel {
 public:
  SplitAttention(const SplitAttentionShape& shape, Isa isa, const ConvEpilogue& epilogue,
                 const SplitAttentionWeights& weights)
      : shape_(shape),
        epilogue_(epilogue),
        isa_(*isa_kernels(isa)),
        fc1_(make_product(shape.c, shape.inner, shape.cardinality, isa, true, weights.fc1, weights.bias1)),
        fc2_(make_product(shape.inner, shape.radix * shape.c, shape.cardinality, isa, false, weights.fc2,
                          weights.bias2)),
        name_(std::string("split_attention_") + isa_.name),
        blocks_(shape.c / kChannelBlock),
        pixels_(shape.h * shape.w),
        // The logits lie split by split already, in whole blocks, unless there are groups.
        direct_(shape.cardinality == 1) {}

  void run(const SplitAttentionArguments& args, ThreadPool& pool) const override {
    for (int64_t n = 0; n < shape_.n; ++n) {
      const int64_t y_offset = n * shape_.c * pixels_;
      run_picture(args.x + y_offset * shape_.radix, args.y + y_offset,
                  epilogue_.residual ? args.residual + y_offset : nullptr, static_cast<float*>(args.scratch), pool);
    }
  }

  size_t scratch_bytes(int threads) const override {
    return static_cast<size_t>(scratch_floats()) * sizeof(float) +
           std::max(fc1_->scratch_bytes(threads), fc2_->scratch_bytes(threads));
  }
  size_t packed_bytes() const override { return fc1_->packed_bytes() + fc2_->packed_bytes(); }
  const char* name() const override { return name_.c_str(); }

 private:
  int64_t inner_floats() const { return kBlocked.padded_channels(shape_.inner); }
  int64_t logit_floats() const { return shape_.radix * shape_.c; }
  int64_t scratch_floats() const { return shape_.c + inner_floats() + 3 * logit_floats(); }

  void run_picture(const float* x, float* y, const float* residual, float* scratch, ThreadPool& pool) const {
    float* gap = scratch;
    float* hidden = gap + shape_.c;
    float* logits = hidden + inner_floats();
    float* split_logits = logits + logit_floats();
    float* weights = split_logits + logit_floats();  // (block, radix, 16)
    const int64_t split = shape_.c * pixels_;
    const bool parallel = split * shape_.radix >= kParallelFloats;

    RadixArgs pool_args;
    pool_args.radix = shape_.radix;
    pool_args.x_step = split;
    pool_args.pixels = pixels_;
    pool_args.scale = 1.0f / static_cast<float>(pixels_);
    pool.parallel_for(blocks_, parallel ? 1 : blocks_, [&](int64_t begin, int64_t end, int) {
      RadixArgs a = pool_args;
      for (int64_t b = begin; b < end; ++b) {
        a.x = x + b * pixels_ * kChannelBlock;
        a.y = gap + b * kChannelBlock;
        isa_.radix_pool(a);
      }
    });

    ConvArguments product;
    product.scratch = scratch + scratch_floats();
    product.x = gap, product.y = hidden;
    fc1_->run(product, pool);
    product.x = hidden, product.y = logits;
    fc2_->run(product, pool);
    softmax(logits, split_logits, weights);

    const int64_t chunks = ceil_div(pixels_, kCombinePixels), jobs = blocks_ * chunks;
    pool.parallel_for(jobs, parallel ? 1 : jobs, [&](int64_t begin, int64_t end, int) {
      RadixArgs a;
      a.radix = shape_.radix;
      a.x_step = split;
      for (int64_t job = begin; job < end; ++job) {
        const int64_t block = job / chunks, chunk = job % chunks;
        const int64_t first = chunk * pixels_ / chunks, last = (chunk + 1) * pixels_ / chunks;
        const int64_t offset = (block * pixels_ + first) * kChannelBlock;
        a.x = x + offset;
        a.y = y + offset;
        a.pixels = last - first;
        a.weights = weights + block * shape_.radix * kChannelBlock;
        a.rule = {nullptr, residual != nullptr ? residual + offset : nullptr, epilogue_.lo, epilogue_.hi};
        isa_.radix_combine(a);
      }
    });
  }

  void softmax(const float* logits, float* split_logits, float* weights) const {
    const float* a = logits;
    if (!direct_) {  // (cardinality, radix, c / cardinality) to (radix, c)
      const int64_t width = shape_.c / shape_.cardinality;
      for (int64_t k = 0; k < shape_.cardinality; ++k) {
        for (int64_t r = 0; r < shape_.radix; ++r) {
          std::copy_n(logits + (k * shape_.radix + r) * width, width, split_logits + r * shape_.c + k * width);
        }
      }
      a = split_logits;
    }
    RadixArgs args;
    args.radix = shape_.radix;
    args.x_step = shape_.c;
    for (int64_t b = 0; b < blocks_; ++b) {
      args.x = a + b * kChannelBlock;
      args.y = weights + b * shape_.radix * kChannelBlock;
      isa_.radix_softmax(args);
    }
  }

  const SplitAttentionShape shape_;
  const ConvEpilogue epilogue_;
  const IsaKernels& isa_;
  const std::unique_ptr<ConvKernel> fc1_, fc2_;
  const std::string name_;
  const int64_t blocks_, pixels_;
  const bool direct_;
};

}  // namespace

bool split_attention_supports(const SplitAttentionShape& s, Isa isa) {
  return isa_kernels(isa) != nullptr && s.c % kChannelBlock == 0 && s.radix >= 1 && s.radix <= 4 &&
         s.cardinality >= 1 && s.c % s.cardinality == 0 && s.inner % s.cardinality == 0;
}

std::unique_ptr<SplitAttentionKernel> make_split_attention(const SplitAttentionShape& shape, Isa isa,
                                                           const ConvEpilogue& epilogue,
                                                           const SplitAttentionWeights& weights) {
  if (!split_attention_supports(shape, isa)) return nullptr;
  return std::make_unique<SplitAttention>(shape, isa, epilogue, weights);
}

}  // namespace mdeploy
