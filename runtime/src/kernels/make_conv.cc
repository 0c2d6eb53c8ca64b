// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The choice of a convolution kernel: a pure function of shape and options.
#include "kernels/conv.h"

#include <utility>

#include "kernels/conv_choice.h"
#include "kernels/conv_depthwise.h"
#include "kernels/conv_gemm.h"
#include "kernels/conv_plain.h"
#include "kernels/conv_planes.h"
#include "kernels/conv_winograd.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {
namespace {

// A single pixel whose channels fill whole blocks is the same in both layouts.
bool same_in_both(int64_t channels, int64_t pixels) { return pixels == 1 && channels % kChannelBlock == 0; }

}  // namespace

bool conv_supports(const ConvShape&, const ConvOptions& options) {
  if (isa_kernels(options.isa) == nullptr) return options.input.is_plain() && options.output.is_plain();
  return (options.input.is_plain() || options.input.block == kChannelBlock) &&
         (options.output.is_plain() || options.output.block == kChannelBlock);
}

std::unique_ptr<ConvKernel> make_conv(const ConvShape& shape, const ConvOptions& options, const float* weights,
                                      const float* bias) {
  if (!conv_supports(shape, options)) return nullptr;
  const IsaKernels* isa = isa_kernels(options.isa);
  if (isa == nullptr) return make_conv_reference(shape, options, weights, bias);

  ConvOptions blocked = options;
  blocked.output = Layout::blocked(kChannelBlock);
  const bool few_planes = options.input.is_plain() && is_few_planes(shape);
  if (!few_planes) blocked.input = Layout::blocked(kChannelBlock);
  const bool reorder_input = options.input != blocked.input && !same_in_both(shape.c_in, shape.h * shape.w);
  const bool reorder_output = options.output != blocked.output && !same_in_both(shape.c_out, shape.out_h * shape.out_w);

  std::unique_ptr<ConvKernel> kernel;
  switch (choose_conv_algorithm(shape, blocked, *isa)) {
    case ConvAlgorithm::kPlanes: kernel = make_conv_planes(shape, blocked, *isa, weights, bias); break;
    case ConvAlgorithm::kDepthwise: kernel = make_conv_depthwise(shape, blocked, *isa, weights, bias); break;
    case ConvAlgorithm::kGemm: kernel = make_conv_gemm(shape, blocked, *isa, weights, bias); break;
    case ConvAlgorithm::kWinogradF2: kernel = make_conv_winograd(shape, blocked, *isa, 2, weights, bias); break;
    case ConvAlgorithm::kWinogradF4: kernel = make_conv_winograd(shape, blocked, *isa, 4, weights, bias); break;
  }
  return make_conv_plain(shape, options.epilogue.residual, reorder_input, reorder_output, std::move(kernel));
}

}  // namespace mdeploy
