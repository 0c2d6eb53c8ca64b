// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_KERNELS_CONV_DEPTHWISE_H_
#define MDEPLOY_KERNELS_CONV_DEPTHWISE_H_

#include <memory>

#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

// One filter a channel.
inline bool is_depthwise(const ConvShape& s) { return s.groups == s.c_in && s.c_in == s.c_out && s.c_in > 1; }

// Depthwise convolution of any window between blocked activations.
std::unique_ptr<ConvKernel> make_conv_depthwise(const ConvShape& shape, const ConvOptions& options,
                                                const IsaKernels& isa, const float* weights, const float* bias);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_DEPTHWISE_H_
