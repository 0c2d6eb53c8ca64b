// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Which algorithm computes a convolution into a blocked activation: a cost model of operations, bytes and error. A
// pure function of shape and instruction set; nothing is measured at load.
#ifndef MDEPLOY_KERNELS_CONV_CHOICE_H_
#define MDEPLOY_KERNELS_CONV_CHOICE_H_

#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

enum class ConvAlgorithm { kGemm, kWinogradF2, kWinogradF4, kDepthwise, kPlanes };

struct ConvCost {
  double cycles = 0.0;  // of one core
  double error = 1.0;   // typical rounding error, as a multiple of the direct sum's
};
// Not of kDepthwise and kPlanes, which have no rivals where they fit.
ConvCost conv_cost(const ConvShape& shape, ConvAlgorithm algorithm, const IsaKernels& isa);

ConvAlgorithm choose_conv_algorithm(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_CHOICE_H_
