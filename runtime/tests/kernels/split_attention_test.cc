// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The fused split-attention block against its definition in double precision.
#include "kernels/split_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/tensor.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {
namespace {

constexpr Layout kBlocked = Layout::blocked(kChannelBlock);

std::vector<float> random_floats(int64_t n, unsigned seed, float scale) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(engine);
  return values;
}

size_t blocked_offset(int64_t n, int64_t c, int64_t p, int64_t channels, int64_t pixels) {
  return static_cast<size_t>(n * kBlocked.picture_size(channels, pixels, 1) +
                             (c / kChannelBlock * pixels + p) * kChannelBlock + c % kChannelBlock);
}

struct Block {
  explicit Block(const SplitAttentionShape& shape)
      : s(shape),
        pixels(s.h * s.w),
        x(random_floats(s.n * s.radix * s.c * pixels, 1, 1.0f)),
        residual(random_floats(s.n * s.c * pixels, 2, 1.0f)),
        fc1(random_floats(s.inner * s.c / s.cardinality, 3, 1.0f)),
        bias1(random_floats(s.inner, 4, 1.0f)),
        fc2(random_floats(s.radix * s.c * s.inner / s.cardinality, 5, 1.0f)),
        bias2(random_floats(s.radix * s.c, 6, 3.0f)) {}

  // One output of all pictures, NCHW, in double.
  std::vector<double> expected(const ConvEpilogue& e) const {
    std::vector<double> y(static_cast<size_t>(s.n * s.c * pixels));
    for (int64_t n = 0; n < s.n; ++n) {
      std::vector<double> gap(static_cast<size_t>(s.c), 0.0), hidden(static_cast<size_t>(s.inner));
      for (int64_t c = 0; c < s.c; ++c) {
        for (int64_t r = 0; r < s.radix; ++r) {
          for (int64_t p = 0; p < pixels; ++p) gap[static_cast<size_t>(c)] += input(n, r, c, p) / double(pixels);
        }
      }
      for (int64_t i = 0; i < s.inner; ++i) {
        hidden[static_cast<size_t>(i)] = std::max(0.0, product(fc1, bias1, gap, i, s.inner));
      }
      for (int64_t c = 0; c < s.c; ++c) {
        const int64_t width = s.c / s.cardinality;
        std::vector<double> e_r(static_cast<size_t>(s.radix));
        double sum = s.radix == 1 ? 1.0 : 0.0;
        for (int64_t r = 0; r < s.radix; ++r) {
          const int64_t logit = (c / width * s.radix + r) * width + c % width;
          e_r[static_cast<size_t>(r)] = std::exp(product(fc2, bias2, hidden, logit, s.radix * s.c));
          sum += e_r[static_cast<size_t>(r)];
        }
        for (int64_t p = 0; p < pixels; ++p) {
          double v = e.residual ? residual[static_cast<size_t>((n * s.c + c) * pixels + p)] : 0.0;
          for (int64_t r = 0; r < s.radix; ++r) v += e_r[static_cast<size_t>(r)] / sum * input(n, r, c, p);
          y[static_cast<size_t>((n * s.c + c) * pixels + p)] = std::min<double>(std::max<double>(v, e.lo), e.hi);
        }
      }
    }
    return y;
  }

  double input(int64_t n, int64_t r, int64_t c, int64_t p) const {
    return x[static_cast<size_t>(((n * s.radix + r) * s.c + c) * pixels + p)];
  }
  double product(const std::vector<float>& w, const std::vector<float>& b, const std::vector<double>& in, int64_t row,
                 int64_t rows) const {
    const int64_t group_in = static_cast<int64_t>(in.size()) / s.cardinality;
    const int64_t first = row / (rows / s.cardinality) * group_in;
    double sum = b[static_cast<size_t>(row)];
    for (int64_t k = 0; k < group_in; ++k) {
      sum += static_cast<double>(w[static_cast<size_t>(row * group_in + k)]) * in[static_cast<size_t>(first + k)];
    }
    return sum;
  }

  SplitAttentionShape s;
  int64_t pixels;
  std::vector<float> x, residual, fc1, bias1, fc2, bias2;
};

std::vector<float> blocked(const std::vector<float>& plain, int64_t n, int64_t channels, int64_t pixels) {
  std::vector<float> out(static_cast<size_t>(n * kBlocked.picture_size(channels, pixels, 1)));
  for (int64_t i = 0; i < static_cast<int64_t>(plain.size()); ++i) {
    out[blocked_offset(i / pixels / channels, i / pixels % channels, i % pixels, channels, pixels)] =
        plain[static_cast<size_t>(i)];
  }
  return out;
}

std::vector<float> run(const Block& b, const SplitAttentionKernel& kernel, const ConvEpilogue& e, int threads) {
  ThreadPool pool(threads);
  const std::vector<float> x = blocked(b.x, b.s.n, b.s.radix * b.s.c, b.pixels);
  std::vector<float> y = blocked(b.residual, b.s.n, b.s.c, b.pixels);  // the residual is added in place
  Buffer scratch(kernel.scratch_bytes(threads) + 64);
  std::fill_n(static_cast<unsigned char*>(scratch.data()), scratch.bytes(), 0xff);
  SplitAttentionArguments args;
  args.x = x.data(), args.y = y.data(), args.residual = e.residual ? y.data() : nullptr, args.scratch = scratch.data();
  kernel.run(args, pool);
  return y;
}

TEST(SplitAttention, EqualsItsDefinition) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const SplitAttentionShape shapes[] = {
      {1, 2, 1, 64, 8, 8, 32},    {1, 2, 1, 16, 1, 1, 32}, {2, 2, 1, 32, 5, 3, 40},
      {1, 2, 1, 128, 16, 17, 64}, {1, 4, 1, 32, 3, 3, 32}, {1, 3, 2, 48, 4, 7, 32},
      {1, 2, 4, 32, 6, 6, 32},    {1, 1, 1, 32, 7, 7, 8},  {1, 1, 2, 32, 4, 4, 24},
  };
  for (const SplitAttentionShape& shape : shapes) {
    const Block block(shape);
    const SplitAttentionWeights weights = {block.fc1.data(), block.bias1.data(), block.fc2.data(), block.bias2.data()};
    for (const ConvEpilogue& epilogue :
         {ConvEpilogue{}, ConvEpilogue{true, 0.0f, kInfinity}, ConvEpilogue{true, -1.0f, 1.0f}}) {
      const std::vector<double> expected = block.expected(epilogue);
      for (Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
        if (!isa_supported(isa) || isa_kernels(isa) == nullptr) continue;
        const auto kernel = make_split_attention(shape, isa, epilogue, weights);
        ASSERT_NE(nullptr, kernel);
        const std::vector<float> y = run(block, *kernel, epilogue, 1);
        for (int64_t i = 0; i < static_cast<int64_t>(expected.size()); ++i) {
          const int64_t p = i % block.pixels, c = i / block.pixels % shape.c, n = i / block.pixels / shape.c;
          ASSERT_NEAR(expected[static_cast<size_t>(i)], y[blocked_offset(n, c, p, shape.c, block.pixels)], 1e-5)
              << kernel->name() << " radix " << shape.radix << " cardinality " << shape.cardinality << " c " << shape.c
              << " element " << i;
        }
        for (int threads : {2, 3}) {
          ASSERT_EQ(y, run(block, *kernel, epilogue, threads)) << kernel->name() << " with " << threads << " threads";
        }
      }
    }
  }
}

TEST(SplitAttention, RefusesWhatItCannotDo) {
  EXPECT_FALSE(split_attention_supports({1, 2, 1, 24, 8, 8, 32}, best_isa()));
  EXPECT_FALSE(split_attention_supports({1, 5, 1, 32, 8, 8, 32}, best_isa()));
  EXPECT_FALSE(split_attention_supports({1, 2, 1, 32, 8, 8, 32}, Isa::kReference));
  EXPECT_EQ(nullptr, make_split_attention({1, 2, 1, 24, 8, 8, 32}, best_isa(), {}, {}));
}

}  // namespace
}  // namespace mdeploy
