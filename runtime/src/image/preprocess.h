// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// From an RGBA8 picture to the input tensor: resize, crop, colour order, scale, mean and std. The one implementation
// for the harness, the apps and Python.
#ifndef MDEPLOY_IMAGE_PREPROCESS_H_
#define MDEPLOY_IMAGE_PREPROCESS_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

// See mdeploy_preprocess and mdeploy_preprocess_rows. Gray is ITU-R 601 luma.
Status preprocess(const uint8_t* rgba, int64_t width, int64_t height, size_t stride,
                  const mdeploy_preprocess_spec& spec, mdeploy_tensor& output);
Status preprocess_rows(mdeploy_row_reader reader, void* user, int64_t width, int64_t height,
                       const mdeploy_preprocess_spec& spec, mdeploy_tensor& output);

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_PREPROCESS_H_
