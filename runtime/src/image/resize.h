// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of an image in, rows of the resized image out, with no more of it in memory than one row of the result needs.
#ifndef MDEPLOY_IMAGE_RESIZE_H_
#define MDEPLOY_IMAGE_RESIZE_H_

#include "base/status.h"
#include "image/geometry.h"
#include "image/row_source.h"
#include "image/tensor_writer.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

// Resizes as Pillow does, to the bit: in two passes, each rounded to 8 bits. The horizontal one comes first, but since
// Pillow 13 (MDEPLOY_PILLOW) the vertical one does where it takes away much more.
Status resize_as_pillow(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                        TensorWriter& writer);

// Resizes as torchvision does a float tensor, whose values are bytes / 255.
Status resize_as_tensor(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                        TensorWriter& writer);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_RESIZE_H_
