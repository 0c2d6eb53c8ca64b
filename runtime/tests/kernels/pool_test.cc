// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Pooling of blocked activations against the plain loops, and both against small answers worked out by hand.
#include "kernels/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/isa_kernels.h"

namespace mdeploy {
namespace {

constexpr Layout kPlain = Layout::plain(), kBlocked = Layout::blocked(kChannelBlock);

PoolShape pool_shape(int64_t c, int64_t h, int64_t w, int64_t k, int64_t stride, int64_t pad, int64_t extra = 0) {
  PoolShape s;
  s.c = c, s.h = h, s.w = w, s.kh = s.kw = k, s.stride_h = s.stride_w = stride, s.pad_t = s.pad_l = pad;
  s.out_h = (h + 2 * pad + extra - k) / stride + 1;
  s.out_w = (w + 2 * pad + extra - k) / stride + 1;
  return s;
}

std::vector<float> blocked_input(const PoolShape& s) {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(s.n * kBlocked.picture_size(s.c, s.h, s.w)), 0.0f);
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t block = static_cast<int64_t>(i) / (s.h * s.w * kChannelBlock) % (kBlocked.padded_channels(s.c) / 16);
    if (block * kChannelBlock + static_cast<int64_t>(i) % kChannelBlock < s.c) x[i] = normal(engine);
  }
  return x;
}

TEST(Pool, BlockedEqualsTheReference) {
  std::vector<PoolShape> shapes = {
      pool_shape(16, 8, 8, 2, 2, 0),    pool_shape(24, 9, 7, 3, 2, 1),    pool_shape(40, 5, 5, 3, 1, 1),
      pool_shape(16, 7, 7, 7, 1, 0),    pool_shape(16, 6, 6, 3, 2, 0, 1), pool_shape(32, 2, 3, 3, 2, 1),
      pool_shape(16, 112, 20, 3, 2, 1), pool_shape(16, 1, 1, 1, 1, 0),
  };
  PoolShape batch = pool_shape(20, 6, 5, 3, 2, 1);
  batch.n = 3;
  shapes.push_back(batch);
  for (PoolShape s : shapes) {
    for (bool count_padding : {false, true}) {
      s.count_padding = count_padding;
      std::vector<float> x = blocked_input(s);
      x[0] = std::numeric_limits<float>::quiet_NaN();
      const size_t size = static_cast<size_t>(s.n * kBlocked.picture_size(s.c, s.out_h, s.out_w));
      for (PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
        ThreadPool one(1), three(3);
        std::vector<float> expected(size), y(size), y3(size);
        pool_reference(kind, s, kBlocked, kBlocked, x.data(), expected.data(), one);
        for (Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
          if (!isa_supported(isa) || isa_kernels(isa) == nullptr) continue;
          run_pool(kind, s, isa, kBlocked, kBlocked, x.data(), y.data(), one);
          run_pool(kind, s, isa, kBlocked, kBlocked, x.data(), y3.data(), three);
          for (size_t i = 0; i < size; ++i) {
            ASSERT_EQ(std::isnan(expected[i]), std::isnan(y[i])) << isa_name(isa) << " at " << i;
            if (!std::isnan(y[i])) {
              ASSERT_NEAR(expected[i], y[i], kind == PoolKind::kMax ? 0.0 : 1e-6)
                  << isa_name(isa) << " at " << i << ", picture " << s.h << "x" << s.w << ", window " << s.kh;
              ASSERT_EQ(y[i], y3[i]) << isa_name(isa) << ": depends on the number of threads";
            }
          }
        }
      }
    }
  }
}

TEST(Pool, PlainAnswersByHand) {
  ThreadPool pool(1);
  const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};  // 3x3
  PoolShape s = pool_shape(1, 3, 3, 3, 2, 1);     // 2x2 windows inside at each corner
  float y[4];
  run_pool(PoolKind::kMax, s, best_isa(), kPlain, kPlain, x, y, pool);
  EXPECT_EQ(std::vector<float>({5, 6, 8, 9}), std::vector<float>(y, y + 4));
  run_pool(PoolKind::kAverage, s, best_isa(), kPlain, kPlain, x, y, pool);
  EXPECT_EQ(std::vector<float>({3, 4, 6, 7}), std::vector<float>(y, y + 4));
  s.count_padding = true;
  run_pool(PoolKind::kAverage, s, best_isa(), kPlain, kPlain, x, y, pool);
  EXPECT_FLOAT_EQ(12.0f / 9.0f, y[0]);
}

}  // namespace
}  // namespace mdeploy
