// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The choice of a convolution kernel: a pure function of shape and options.
#include "kernels/conv.h"

namespace mdeploy {

bool conv_supports(const ConvShape&, const ConvOptions& options) {
  return options.input.is_plain() && options.output.is_plain();
}

std::unique_ptr<ConvKernel> make_conv(const ConvShape& shape, const ConvOptions& options, const float* weights,
                                      const float* bias) {
  if (!conv_supports(shape, options)) return nullptr;
  return make_conv_reference(shape, options, weights, bias);
}

}  // namespace mdeploy
