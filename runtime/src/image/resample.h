// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// One-dimensional resampling weights.
#ifndef MDEPLOY_IMAGE_RESAMPLE_H_
#define MDEPLOY_IMAGE_RESAMPLE_H_

#include <cstdint>
#include <vector>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

// Where each output sample comes from: weights[i * width ...] over inputs first[i] ... first[i] + count[i] - 1.
struct ResampleTable {
  int64_t width = 0;  // weights stored for each output
  std::vector<int64_t> first, count;
  std::vector<float> weights;
};

// Weights for outputs [begin, begin + n) of a line that is scaled from `in` samples to `out`. Bilinear is a triangle
// over half-pixel centres, widened by the scale when it shrinks (Pillow's and torchvision's antialiased bilinear).
ResampleTable make_resample_table(mdeploy_resize_mode mode, int64_t in, int64_t out, int64_t begin, int64_t n);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_RESAMPLE_H_
