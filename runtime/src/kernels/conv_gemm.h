// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_KERNELS_CONV_GEMM_H_
#define MDEPLOY_KERNELS_CONV_GEMM_H_

#include <memory>

#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

// Convolution of any shape as matrix products: 1x1 straight from the activation, everything else from a packed copy
// of what a range of outputs reads. Input blocked, or plain with fewer than 16 channels and one group; output blocked.
std::unique_ptr<ConvKernel> make_conv_gemm(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa,
                                           const float* weights, const float* bias);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_GEMM_H_
