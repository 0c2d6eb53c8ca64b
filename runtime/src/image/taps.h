// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Which input samples make an output sample, and with what weights: along one axis, for the two arithmetics that
// models are trained with. Pillow's is fixed-point on bytes, torchvision's on tensors is float32.
#ifndef MDEPLOY_IMAGE_TAPS_H_
#define MDEPLOY_IMAGE_TAPS_H_

#include <cstdint>
#include <vector>

#include "image/geometry.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

constexpr int kWeightBits = 22;  // of Pillow's fixed point: what 8 bits of pixel, a sign and headroom leave of 32

// Output i of the visible ones is the sum over k < count[i] of weights[i * width + k] * input[first[i] + k].
template <typename Weight>
struct Taps {
  int64_t width = 0;  // weights stored for each output
  std::vector<int32_t> first, count;
  std::vector<Weight> weights;
  bool copies = false;  // every output is one input as it is: no weights

  int64_t last(int64_t i) const { return first[i] + count[i]; }
  const Weight* of(int64_t i) const { return weights.data() + i * width; }
};

// Pillow: a filter over half-pixel centres, widened by the scale when it shrinks (unless `antialias` is off), its
// weights normalised in double and rounded to kWeightBits.
Taps<int32_t> pillow_taps(mdeploy_resize_mode mode, bool antialias, const ImageAxis& axis);

// torchvision on float tensors, which is torch's interpolate: with antialias Pillow's filter in float32; without it
// two or four neighbours, the bicubic with a = -0.75. Nearest takes the sample at or before, without half a pixel.
Taps<float> tensor_taps(mdeploy_resize_mode mode, bool antialias, const ImageAxis& axis);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_TAPS_H_
