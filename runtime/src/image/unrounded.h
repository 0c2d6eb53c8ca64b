// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of artifacts that do not name one: float32 from the bytes to the tensor, nothing rounded between. Up
// to 1/255 off what Pillow gives; kept to the bit, so that old artifacts answer as they did.
#ifndef MDEPLOY_IMAGE_UNROUNDED_H_
#define MDEPLOY_IMAGE_UNROUNDED_H_

#include <cstddef>
#include <cstdint>

#include "image/geometry.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

// `output` takes channels * y.out * x.out floats; the image is not padded.
void preprocess_unrounded(const uint8_t* rgba, size_t stride, const mdeploy_preprocess_spec& spec,
                          const ImageGeometry& geometry, float* output);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_UNROUNDED_H_
