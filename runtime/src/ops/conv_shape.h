// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What a Conv or FC node asks of the convolution kernels; also for the passes, which must know before kernels are made.
#ifndef MDEPLOY_OPS_CONV_SHAPE_H_
#define MDEPLOY_OPS_CONV_SHAPE_H_

#include "kernels/conv.h"
#include "ops/op_builder.h"

namespace mdeploy {

// Checks a Conv node and gives its shape. False after a failure.
bool read_conv_shape(OpBuilder& b, ConvShape* shape);

// The options under which the node's kernel is made: its layouts and epilogue.
ConvOptions conv_options(const Node& node, const BuildSettings& settings);

// The node's inputs: x, weights [, bias] [, residual].
bool conv_has_bias(const Node& node);

// Packs the node's weights and bias, where they are constants, and wraps the kernel. FC uses it too.
Kernel conv_kernel(const Node& node, const ConvShape& shape, const ConvOptions& options);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_CONV_SHAPE_H_
