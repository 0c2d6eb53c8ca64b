// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/isa/target.h"
#include "kernels/isa_kernels.h"

MDEPLOY_TARGET_BEGIN("avx2,fma")
namespace mdeploy::avx2 {

using Vec = __m256;
constexpr int kLanes = 8;

MDEPLOY_INLINE Vec zero() { return _mm256_setzero_ps(); }
MDEPLOY_INLINE Vec load(const float* p) { return _mm256_loadu_ps(p); }
MDEPLOY_INLINE void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
MDEPLOY_INLINE Vec set1(float f) { return _mm256_set1_ps(f); }
MDEPLOY_INLINE Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
MDEPLOY_INLINE Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
MDEPLOY_INLINE Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
MDEPLOY_INLINE Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
MDEPLOY_INLINE Vec at_least(Vec bound, Vec v) { return _mm256_max_ps(bound, v); }  // see avx512.cc on NaN
MDEPLOY_INLINE Vec at_most(Vec bound, Vec v) { return _mm256_min_ps(bound, v); }
// v * 2^n, n being in the low bits of `shifted`.
MDEPLOY_INLINE Vec add_to_exponent(Vec v, Vec shifted) {
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), n));
}
MDEPLOY_INLINE Vec select_negative(Vec x, Vec if_negative, Vec otherwise) {
  return _mm256_blendv_ps(otherwise, if_negative, x);
}
// The larger one; a NaN in either stays.
MDEPLOY_INLINE Vec running_max(Vec top, Vec v) {
  return _mm256_blendv_ps(_mm256_max_ps(v, top), v, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}

#define MDEPLOY_TILES(TILE) \
  TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(1, 5) TILE(1, 6) TILE(2, 1) TILE(2, 2) TILE(2, 3)
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 6, 3, 0, 0};

#include "kernels/isa/kernels.inc"

}  // namespace mdeploy::avx2
MDEPLOY_TARGET_END

namespace mdeploy {
extern const IsaKernels kAvx2Kernels = avx2::make_table("avx2");
}
#endif
