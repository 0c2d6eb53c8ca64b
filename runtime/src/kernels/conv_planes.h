// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Convolution of a plain picture of few channels into a blocked activation: the first layer of a net. No pixel is
// gathered for each tap: rows are copied once, with their padding, so that each tap is a row at some offset.
#ifndef MDEPLOY_KERNELS_CONV_PLANES_H_
#define MDEPLOY_KERNELS_CONV_PLANES_H_

#include <memory>

#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

// Fewer channels than a block, no groups, a window of sane size.
bool is_few_planes(const ConvShape& shape);

// options.input is plain, options.output blocked.
std::unique_ptr<ConvKernel> make_conv_planes(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa,
                                             const float* weights, const float* bias);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_PLANES_H_
