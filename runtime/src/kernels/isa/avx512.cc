// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/isa/target.h"
#include "kernels/isa_kernels.h"

MDEPLOY_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace mdeploy::avx512 {

using Vec = __m512;
constexpr int kLanes = 16;

MDEPLOY_INLINE Vec zero() { return _mm512_setzero_ps(); }
MDEPLOY_INLINE Vec load(const float* p) { return _mm512_loadu_ps(p); }
MDEPLOY_INLINE void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
MDEPLOY_INLINE Vec set1(float f) { return _mm512_set1_ps(f); }
MDEPLOY_INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
MDEPLOY_INLINE Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
MDEPLOY_INLINE Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
MDEPLOY_INLINE Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }    // a * b + c
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a * b
// The bound comes first: the instruction returns its second operand when either is NaN, and a NaN must stay one.
MDEPLOY_INLINE Vec at_least(Vec bound, Vec v) { return _mm512_max_ps(bound, v); }
MDEPLOY_INLINE Vec at_most(Vec bound, Vec v) { return _mm512_min_ps(bound, v); }
// v * 2^n, n being in the low bits of `shifted`.
MDEPLOY_INLINE Vec add_to_exponent(Vec v, Vec shifted) {
  const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), n));
}
MDEPLOY_INLINE Vec select_negative(Vec x, Vec if_negative, Vec otherwise) {
  return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), otherwise, if_negative);
}
// The larger one; a NaN in either stays.
MDEPLOY_INLINE Vec running_max(Vec top, Vec v) {
  return _mm512_mask_mov_ps(_mm512_max_ps(v, top), _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), v);
}

// clang-format off
#define MDEPLOY_TILES(TILE)                                                                                     \
  TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(1, 5) TILE(1, 6) TILE(1, 7) TILE(1, 8) TILE(1, 9) TILE(1, 10) \
  TILE(1, 11) TILE(1, 12) TILE(1, 13) TILE(1, 14) TILE(1, 15) TILE(1, 16)                                       \
  TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(2, 4) TILE(2, 5) TILE(2, 6) TILE(2, 7) TILE(2, 8) TILE(2, 9) TILE(2, 10) \
  TILE(2, 11) TILE(2, 12) TILE(2, 13) TILE(2, 14)                                                               \
  TILE(4, 1) TILE(4, 2) TILE(4, 3) TILE(4, 4) TILE(4, 5) TILE(4, 6)
// clang-format on
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 16, 14, 0, 6};

#include "kernels/isa/kernels.inc"

}  // namespace mdeploy::avx512
MDEPLOY_TARGET_END

namespace mdeploy {
extern const IsaKernels kAvx512Kernels = avx512::make_table("avx512");
}
#endif
