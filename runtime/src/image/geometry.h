// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the pixels of an image go: its size after the resize, what a crop leaves of that, and where it lies on the
// canvas that becomes the tensor.
#ifndef MDEPLOY_IMAGE_GEOMETRY_H_
#define MDEPLOY_IMAGE_GEOMETRY_H_

#include <cstdint>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

// One axis: `in` samples are scaled to `scaled`; `count` of them from `begin` lie on the canvas of `out` from `offset`.
struct ImageAxis {
  int64_t in = 0, scaled = 0;
  int64_t begin = 0, count = 0;
  int64_t offset = 0, out = 0;

  bool padded() const { return count < out; }
};

struct ImageGeometry {
  ImageAxis y, x;
};

// torchvision's rounding: the long side is cut to an integer; a crop's margin is rounded half to even (or down, where
// the spec says so); padding has its smaller half before the image. A letterbox rounds both sides half to even.
ImageGeometry image_geometry(int64_t height, int64_t width, const mdeploy_preprocess_spec& spec);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_GEOMETRY_H_
