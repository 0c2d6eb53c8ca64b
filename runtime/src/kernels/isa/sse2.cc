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
MDEPLOY_INLINE Vec div(Vec a, Vec b) { return _mm_div_ps(a, b); }
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
MDEPLOY_INLINE Vec at_least(Vec bound, Vec v) { return _mm_max_ps(bound, v); }  // see avx512.cc on NaN
MDEPLOY_INLINE Vec at_most(Vec bound, Vec v) { return _mm_min_ps(bound, v); }
// v * 2^n, n being in the low bits of `shifted`.
MDEPLOY_INLINE Vec add_to_exponent(Vec v, Vec shifted) {
  return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(v), _mm_slli_epi32(_mm_castps_si128(shifted), 23)));
}
MDEPLOY_INLINE Vec select_negative(Vec x, Vec if_negative, Vec otherwise) {
  const Vec negative = _mm_castsi128_ps(_mm_srai_epi32(_mm_castps_si128(x), 31));
  return _mm_or_ps(_mm_and_ps(negative, if_negative), _mm_andnot_ps(negative, otherwise));
}
// The larger one; a NaN in either stays.
MDEPLOY_INLINE Vec running_max(Vec top, Vec v) { return select_negative(_mm_cmpunord_ps(v, v), v, _mm_max_ps(v, top)); }

#define MDEPLOY_TILES(TILE) TILE(1, 1) TILE(1, 2) TILE(1, 3)
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 3, 0, 0, 0};

#include "kernels/isa/kernels.inc"

}  // namespace mdeploy::sse2

namespace mdeploy {
extern const IsaKernels kSse2Kernels = sse2::make_table("sse2");
}
#endif
