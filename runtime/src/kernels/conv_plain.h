// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_KERNELS_CONV_PLAIN_H_
#define MDEPLOY_KERNELS_CONV_PLAIN_H_

#include <memory>

#include "kernels/conv.h"

namespace mdeploy {

// Gives a kernel between blocked activations plain ones on the sides where `reorder_input` and `reorder_output` say so,
// by reordering into scratch memory. A reordered output takes its residual with it.
std::unique_ptr<ConvKernel> make_conv_plain(const ConvShape& shape, bool residual, bool reorder_input,
                                            bool reorder_output, std::unique_ptr<ConvKernel> inner);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_PLAIN_H_
