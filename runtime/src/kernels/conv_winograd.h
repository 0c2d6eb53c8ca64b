// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_KERNELS_CONV_WINOGRAD_H_
#define MDEPLOY_KERNELS_CONV_WINOGRAD_H_

#include <memory>

#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

// 3x3, stride 1, no dilation.
bool winograd_fits(const ConvShape& shape);

// Winograd F(m x m, 3x3), m = 2 or 4, between blocked activations, with the transformed weights stored.
std::unique_ptr<ConvKernel> make_conv_winograd(const ConvShape& shape, const ConvOptions& options,
                                               const IsaKernels& isa, int m, const float* weights, const float* bias);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_WINOGRAD_H_
