// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <emmintrin.h>

#include "kernels/isa/target.h"
#include "kernels/isa_kernels.h"

namespace mdeploy::sse2 {  // the x86-64 baseline: no target of its own

using Vec = __m128;
constexpr int kLanes = 4;

MDEPLOY_INLINE Vec zero() { return _mm_setzero_ps(); }
MDEPLOY_INLINE Vec load(const float* p) { return _mm_loadu_ps(p); }
MDEPLOY_INLINE void store(float* p, Vec v) { _mm_storeu_ps(p, v); }
MDEPLOY_INLINE Vec set1(float f) { return _mm_set1_ps(f); }
MDEPLOY_INLINE Vec add(Vec a, Vec b) { return _mm_add_ps(a, b); }
MDEPLOY_INLINE Vec sub(Vec a, Vec b) { return _mm_sub_ps(a, b); }
MDEPLOY_INLINE Vec mul(Vec a, Vec b) { return _mm_mul_ps(a, b); }
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
MDEPLOY_INLINE Vec at_least(Vec bound, Vec v) { return _mm_max_ps(bound, v); }  // see avx512.cc on NaN
MDEPLOY_INLINE Vec at_most(Vec bound, Vec v) { return _mm_min_ps(bound, v); }

#define MDEPLOY_TILES(TILE) TILE(1, 1) TILE(1, 2) TILE(1, 3)
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 3, 0, 0, 0};

#include "kernels/isa/kernels.inc"

}  // namespace mdeploy::sse2

namespace mdeploy {
extern const IsaKernels kSse2Kernels = sse2::make_table("sse2");
}
#endif
