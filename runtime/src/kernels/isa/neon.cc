// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#if defined(__aarch64__) || defined(__ARM_NEON)
#include <arm_neon.h>

#include "kernels/isa/target.h"
#include "kernels/isa_kernels.h"

namespace mdeploy::neon {  // part of the ARMv8 baseline, and of ours for ARMv7

using Vec = float32x4_t;
constexpr int kLanes = 4;

MDEPLOY_INLINE Vec zero() { return vdupq_n_f32(0.0f); }
MDEPLOY_INLINE Vec load(const float* p) { return vld1q_f32(p); }
MDEPLOY_INLINE void store(float* p, Vec v) { vst1q_f32(p, v); }
MDEPLOY_INLINE Vec set1(float f) { return vdupq_n_f32(f); }
MDEPLOY_INLINE Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
MDEPLOY_INLINE Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
MDEPLOY_INLINE Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
// NEON's max and min give NaN when either operand is one.
MDEPLOY_INLINE Vec at_least(Vec bound, Vec v) { return vmaxq_f32(bound, v); }
MDEPLOY_INLINE Vec running_max(Vec top, Vec v) { return vmaxq_f32(top, v); }
MDEPLOY_INLINE Vec at_most(Vec bound, Vec v) { return vminq_f32(bound, v); }

// v * 2^n, n being in the low bits of `shifted`.
MDEPLOY_INLINE Vec add_to_exponent(Vec v, Vec shifted) {
  return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23)));
}
MDEPLOY_INLINE Vec select_negative(Vec x, Vec if_negative, Vec otherwise) {
  return vbslq_f32(vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_f32(x), 31)), if_negative, otherwise);
}

#if defined(__aarch64__)
MDEPLOY_INLINE Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }
template <int kLane>
MDEPLOY_INLINE Vec fma_lane(Vec a, Vec b, Vec c) {  // a[kLane] * b + c
  return vfmaq_laneq_f32(c, b, a, kLane);
}
// No tiles of two blocks: an input register serves four steps of k, so that width costs fewer loads than blocks save.
#define MDEPLOY_TILES(TILE) TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(1, 5) TILE(1, 6)
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 6, 0, 0, 0};
#else  // ARMv7: VFPv3 has no fused form, so a product is rounded before it is added
MDEPLOY_INLINE Vec div(Vec a, Vec b) {  // no instruction for it; only used once a channel
  float x[4], y[4];
  vst1q_f32(x, a);
  vst1q_f32(y, b);
  for (int i = 0; i < 4; ++i) x[i] /= y[i];
  return vld1q_f32(x);
}
MDEPLOY_INLINE Vec fma(Vec a, Vec b, Vec c) { return vmlaq_f32(c, a, b); }
MDEPLOY_INLINE Vec fnma(Vec a, Vec b, Vec c) { return vmlsq_f32(c, a, b); }
template <int kLane>
MDEPLOY_INLINE Vec fma_lane(Vec a, Vec b, Vec c) {
  return vmlaq_lane_f32(c, b, kLane < 2 ? vget_low_f32(a) : vget_high_f32(a), kLane & 1);
}
#define MDEPLOY_TILES(TILE) TILE(1, 1) TILE(1, 2)
constexpr int kMaxPixels[kMaxTileBlocks + 1] = {0, 2, 0, 0, 0};
#endif

#include "kernels/isa/kernels.inc"

}  // namespace mdeploy::neon

namespace mdeploy {
extern const IsaKernels kNeonKernels = neon::make_table("neon");
}
#endif
