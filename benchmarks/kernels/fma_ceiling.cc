// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "fma_ceiling.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "kernels/isa/target.h"

// A chain of `sums` accumulators, each fed back into itself. They begin apart, or the compiler would see one.
#define MDEPLOY_FMA_LOOP(Vec, sums, set1, fma)                           \
  Vec sum[sums];                                                         \
  MDEPLOY_UNROLL for (int i = 0; i < sums; ++i) sum[i] = set1(1.0f + i); \
  const Vec b = set1(0.999f), c = set1(0.001f);                          \
  for (int64_t k = 0; k < steps; ++k) {                                  \
    MDEPLOY_UNROLL for (int i = 0; i < sums; ++i) sum[i] = fma;          \
  }                                                                      \
  Vec total = sum[0];                                                    \
  MDEPLOY_UNROLL for (int i = 1; i < sums; ++i) total = total + sum[i];  \
  float out[sizeof(Vec) / sizeof(float)];                                \
  __builtin_memcpy(out, &total, sizeof out);                             \
  return out[0];

#if defined(__x86_64__)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
// clang-format off: the macros of targets end without a semicolon
MDEPLOY_TARGET_BEGIN("avx512f")
static float fma_avx512(int64_t steps) {
  MDEPLOY_FMA_LOOP(__m512, 16, _mm512_set1_ps, _mm512_fmadd_ps(sum[i], b, c))
}
MDEPLOY_TARGET_END
MDEPLOY_TARGET_BEGIN("avx2,fma")
static float fma_avx2(int64_t steps) {
  MDEPLOY_FMA_LOOP(__m256, 12, _mm256_set1_ps, _mm256_fmadd_ps(sum[i], b, c))
}
MDEPLOY_TARGET_END
static float fma_sse2(int64_t steps) {
  MDEPLOY_FMA_LOOP(__m128, 12, _mm_set1_ps, _mm_add_ps(_mm_mul_ps(sum[i], b), c))
}
// clang-format on
#elif defined(__ARM_NEON)
static float fma_neon(int64_t steps) {
#if defined(__aarch64__)
  MDEPLOY_FMA_LOOP(float32x4_t, 16, vdupq_n_f32, vfmaq_f32(c, sum[i], b))
#else
  MDEPLOY_FMA_LOOP(float32x4_t, 12, vdupq_n_f32, vmlaq_f32(c, sum[i], b))
#endif
}
#endif

namespace mdeploy {
namespace {

volatile float sink;

struct Loop {
  float (*run)(int64_t) = nullptr;
  int flops = 0;  // a step
};

Loop loop_of(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx512: return {fma_avx512, 16 * 16 * 2};
    case Isa::kAvx2: return {fma_avx2, 12 * 8 * 2};
    case Isa::kSse2: return {fma_sse2, 12 * 4 * 2};
#elif defined(__aarch64__)
    case Isa::kNeon: return {fma_neon, 16 * 4 * 2};
#elif defined(__ARM_NEON)
    case Isa::kNeon: return {fma_neon, 12 * 4 * 2};
#endif
    default: return {};
  }
}

template <typename F>
double best_seconds(int tries, F&& f) {
  double best = 1e9;
  for (int i = 0; i < tries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

double fma_ceiling_gflops(Isa isa) {
  const Loop loop = loop_of(isa);
  if (loop.run == nullptr) return 0.0;
  constexpr int64_t kSteps = 500000;
  return static_cast<double>(kSteps) * loop.flops / best_seconds(20, [&] { sink = loop.run(kSteps); }) * 1e-9;
}

double read_ceiling_gbps() {
  constexpr size_t kBytes = 256 << 20, kLine = 64;
  std::vector<char> memory(kBytes, 1);
  const double seconds = best_seconds(4, [&] {
    uint64_t sums[8] = {};
    for (size_t i = 0; i < kBytes; i += kLine * 8) {
      for (size_t j = 0; j < 8; ++j) {
        uint64_t word;
        __builtin_memcpy(&word, memory.data() + i + j * kLine, sizeof word);
        sums[j] += word;
      }
    }
    uint64_t total = 0;
    for (uint64_t s : sums) total += s;
    sink = static_cast<float>(total);
  });
  return static_cast<double>(kBytes) / seconds * 1e-9;
}

}  // namespace mdeploy
